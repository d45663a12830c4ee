#include "append_log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <map>
#include <vector>

#include "line.hpp"

namespace volley::file {

namespace {

std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// 20240131T235959.123Z
std::string timestamp() {
    const std::int64_t now = unix_ms();
    const std::time_t seconds = now / 1000;
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[32];
    const std::size_t n = std::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &utc);
    return std::string(text, n) + "." + std::to_string(1000 + now % 1000).substr(1) + "Z";
}

bool needs_a_person(int error_number) {
    return error_number == ENOENT || error_number == EACCES || error_number == EPERM ||
           error_number == ENOTDIR || error_number == EISDIR || error_number == EROFS ||
           error_number == ELOOP || error_number == ENAMETOOLONG || error_number == ENXIO;
}

bool have_same_output(const FileConfig& a, const FileConfig& b) {
    return a.fsync == b.fsync && a.fsync_interval_ms == b.fsync_interval_ms &&
           a.rotate_bytes == b.rotate_bytes && a.rotate_seconds == b.rotate_seconds &&
           a.part_suffix == b.part_suffix;
}

}  // namespace

AppendLog::AppendLog(const FileConfig& config, Tell tell) : config_(config), tell_(std::move(tell)) {}

// A file with a suffix is renamed at the end. If that fails, the next process continues with it.
AppendLog::~AppendLog() {
    if (fd_ && !config_.part_suffix.empty() && size_ > 0) {
        detail::guard(nullptr, [this] { sync(); });
        if (::renameat2(AT_FDCWD, active_path().c_str(), AT_FDCWD, finished_path().c_str(),
                        RENAME_NOREPLACE) == 0)
            detail::guard(nullptr, [this] { sync_folder_of(config_.path); });
    }
}

std::string AppendLog::finished_path() const {
    const std::string path = config_.path + "-" + timestamp();
    std::string unused = path;
    for (int i = 2; ::access(unused.c_str(), F_OK) == 0; ++i) unused = path + "-" + std::to_string(i);
    return unused;
}

void AppendLog::open() {
    if (fd_) return;
    const std::string path = active_path();
    Descriptor fd(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644));
    if (!fd) {
        Error error = system_error(path, "cannot be opened", errno);
        if (needs_a_person(errno)) error.code = ErrorCode::config;
        throw error;
    }
    FileStatus status, named;
    if (!status_of(fd.get(), status)) throw system_error(path, "cannot be read", errno);
    if (!status.is_regular)
        throw Error(ErrorCode::config, path + ": this is no regular file; standard output is \"-\"", "/path");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        throw Error(ErrorCode::retry, path + ": another process writes this file");
    // The process that had the lock may have rotated the file meanwhile.
    if (!status_of(path, named) || !(named.id == status.id))
        throw Error(ErrorCode::retry, path + ": the file was renamed while it was opened");
    fd_ = std::move(fd);
    try {
        if (config_.fsync != Fsync::never) sync_folder_of(path);
        size_ = synced_size_ = status.size;
        repair();
    } catch (...) {
        fd_ = Descriptor();
        throw;
    }
    id_ = status.id;
    is_torn_ = false;
    begun_s_ = (status.id.born_ns != 0 ? status.id.born_ns : status.modified_ns) / 1'000'000'000;
}

// A process that is killed during a write leaves the beginning of a line, which was never confirmed. The next
// line must not be appended to it.
void AppendLog::repair() {
    constexpr std::size_t block = 4096;
    const std::string path = active_path();
    std::string torn;
    std::uint64_t begin = size_;
    while (begin > 0) {
        const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(block, begin));
        std::string part(n, '\0');
        if (read_at(fd_.get(), path, part.data(), n, begin - n) != n) break;
        const std::size_t newline = part.rfind('\n');
        torn.insert(0, part, newline == std::string::npos ? 0 : newline + 1, std::string::npos);
        begin -= n;
        if (newline != std::string::npos) break;
    }
    if (torn.empty()) return;
    if (is_whole_json(torn)) {
        if (::write(fd_.get(), "\n", 1) != 1) throw system_error(path, "cannot be written", errno);
        ++size_;
    } else {
        save_torn(torn);
        if (::ftruncate(fd_.get(), static_cast<off_t>(size_ - torn.size())) != 0)
            throw system_error(path, "cannot be truncated", errno);
        size_ -= torn.size();
        tell_(path + ": the last line was unfinished; its " + std::to_string(torn.size()) +
              " bytes were moved to " + path + ".torn");
    }
    sync();
}

void AppendLog::save_torn(std::string_view torn) {
    const std::string path = active_path() + ".torn";
    const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!fd) throw system_error(path, "cannot be opened", errno);
    const std::string line = std::string(torn) + "\n";
    if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        throw system_error(path, "cannot be written", errno);
    if (config_.fsync != Fsync::never && ::fdatasync(fd.get()) != 0)
        throw system_error(path, "cannot be synced", errno);
}

bool AppendLog::has_room(std::size_t before, std::size_t line) const {
    if (size_ + before == 0) return true;
    if (config_.rotate_bytes != 0 && size_ + before + line > config_.rotate_bytes) return false;
    return config_.rotate_seconds == 0 ||
           unix_ms() / 1000 - begun_s_ < static_cast<std::int64_t>(config_.rotate_seconds);
}

void AppendLog::rotate() {
    follow_path();
    if (size_ == 0) return;
    sync();
    const std::string finished = finished_path();
    if (::renameat2(AT_FDCWD, active_path().c_str(), AT_FDCWD, finished.c_str(), RENAME_NOREPLACE) != 0 &&
        (errno != EINVAL || ::rename(active_path().c_str(), finished.c_str()) != 0))
        throw system_error(active_path(), "cannot be renamed", errno);
    fd_ = Descriptor();
    size_ = synced_size_ = 0;
    follow_path();
}

// Another program may have renamed the file (a rotation) or deleted it.
void AppendLog::follow_path() {
    if (fd_) {
        FileStatus named, ours;
        if (!status_of(fd_.get(), ours)) throw system_error(active_path(), "cannot be read", errno);
        size_ = ours.size;
        synced_size_ = std::min(synced_size_, size_);
        if (status_of(active_path(), named) && named.id == id_) return;
        if (ours.has_name) {
            sync();
        } else if (synced_size_ < size_) {
            ++losses_;
        }
        fd_ = Descriptor();
        size_ = synced_size_ = 0;
    }
    try {
        open();
    } catch (Error& error) {
        if (error.code == ErrorCode::config)
            error.code = ErrorCode::retry;  // it was valid when it was first opened
        throw;
    }
}

void AppendLog::append(std::string_view lines) {
    follow_path();
    const std::string path = active_path();
    if (is_torn_ && ::ftruncate(fd_.get(), static_cast<off_t>(synced_size_)) != 0)
        throw system_error(path, "cannot be truncated", errno);
    if (is_torn_) size_ = synced_size_;
    is_torn_ = false;
    std::size_t done = 0;
    while (done < lines.size()) {
        const ssize_t n = ::write(fd_.get(), lines.data() + done, lines.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            const int error_number = n < 0 ? errno : ENOSPC;
            if (done > 0 && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0) {
                is_torn_ = true;
                ++losses_;
            }
            throw system_error(path, "cannot be written", error_number);
        }
        done += static_cast<std::size_t>(n);
    }
    size_ += lines.size();
    if (config_.fsync == Fsync::never) {
        synced_size_ = size_;
        throw_if_deleted();
    }
}

void AppendLog::throw_if_deleted() {
    FileStatus status;
    if (status_of(fd_.get(), status) && status.has_name) return;
    ++losses_;
    fd_ = Descriptor();
    throw Error(ErrorCode::retry, active_path() + ": the file was deleted while it was written to");
}

// After a failed sync the content of the disk is unknown, and a second sync may report success: the lines
// must be written again.
void AppendLog::drop_unsynced() {
    ++losses_;
    is_torn_ = ::ftruncate(fd_.get(), static_cast<off_t>(synced_size_)) != 0;
    if (!is_torn_) size_ = synced_size_;
}

void AppendLog::sync() {
    if (config_.fsync == Fsync::never || !fd_ || synced_size_ == size_) return;
    if (::fdatasync(fd_.get()) != 0) {
        const int error_number = errno;
        drop_unsynced();
        throw system_error(active_path(), "cannot be synced", error_number);
    }
    throw_if_deleted();
    synced_size_ = size_;
}

std::shared_ptr<AppendLog> append_log_of(const FileConfig& config, const AppendLog::Tell& tell) {
    static std::mutex mutex;
    static auto& logs = *new std::map<std::string, std::weak_ptr<AppendLog>>;  // threads may outlive main
    const std::lock_guard lock(mutex);
    auto& entry = logs[config.path];
    std::shared_ptr<AppendLog> log = entry.lock();
    if (log == nullptr) entry = log = std::make_shared<AppendLog>(config, tell);
    if (!have_same_output(log->config(), config))
        throw Error(ErrorCode::config, config.path + ": two queues write this file with different settings",
                    "/path");
    return log;
}

}  // namespace volley::file
