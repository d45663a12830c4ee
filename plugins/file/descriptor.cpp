#include "descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace volley::file {

namespace {

bool read_status(int folder, const char* path, int flags, FileStatus& out) {
    struct statx s {};
    if (::statx(folder, path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &s) != 0)
        return false;
    constexpr std::int64_t second = 1'000'000'000;
    out.id.device = static_cast<std::uint64_t>(s.stx_dev_major) << 32 | s.stx_dev_minor;
    out.id.inode = s.stx_ino;
    out.id.born_ns = (s.stx_mask & STATX_BTIME) != 0
                         ? s.stx_btime.tv_sec * second + static_cast<std::int64_t>(s.stx_btime.tv_nsec)
                         : 0;
    out.size = s.stx_size;
    out.modified_ns = s.stx_mtime.tv_sec * second + static_cast<std::int64_t>(s.stx_mtime.tv_nsec);
    out.is_regular = S_ISREG(s.stx_mode);
    out.is_folder = S_ISDIR(s.stx_mode);
    out.has_name = s.stx_nlink > 0;
    return true;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

bool status_of(int fd, FileStatus& out) { return read_status(fd, "", AT_EMPTY_PATH, out); }

bool status_of(const std::string& path, FileStatus& out) {
    return read_status(AT_FDCWD, path.c_str(), 0, out);
}

Error system_error(const std::string& path, const char* what, int error_number) {
    return {ErrorCode::retry, path + ": " + what + ": " + std::strerror(error_number)};
}

std::size_t read_at(int fd, const std::string& path, char* to, std::size_t size, std::uint64_t offset) {
    std::size_t done = 0;
    while (done < size) {
        const ssize_t n = ::pread(fd, to + done, size - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw system_error(path, "cannot be read", errno);
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    return done;
}

void sync_folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) throw system_error(folder, "the folder cannot be opened", errno);
    // Some file systems cannot sync a folder.
    if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS)
        throw system_error(folder, "the folder cannot be synced", errno);
}

}  // namespace volley::file
