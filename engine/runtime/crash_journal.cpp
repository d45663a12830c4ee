#include "runtime/crash_journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

#include "invariant.hpp"
#include "text/fingerprint.hpp"

namespace volley::runtime {

namespace {

constexpr char magic[8] = {'v', 'o', 'l', 'l', 'e', 'y', 'j', '1'};
constexpr std::uint32_t most_workers = 1024;
constexpr std::uint32_t most_at_once = 512;  // messages in one call of a handler
constexpr std::uint32_t most_suspects = 16384;
constexpr std::uint32_t forgotten_after_s = 7 * 24 * 3600;
constexpr int most_processes = 64;  // of one component on one machine

}  // namespace

struct CrashJournal::Suspect {
    std::uint64_t message;  // 0: the entry is free
    std::uint32_t crashes;
    std::uint32_t last_seconds;  // Unix time
};

// The messages that a worker's handler has. `count` is written last.
struct CrashJournal::Desk {
    std::atomic<std::uint64_t> count;
    std::uint64_t messages[most_at_once];
};

// The desks follow: `workers` of them, or more if an earlier run had more workers.
struct CrashJournal::File {
    char magic[8];
    std::atomic<std::uint32_t> cut_off;  // 1: the engine ended the process while handlers were running
    std::uint32_t workers;               // desks in use
    Suspect suspects[most_suspects];
};

namespace {

// Whether the error may be gone at the next start although nobody changes anything.
bool is_passing(int error) {
    return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO || error == ENOMEM ||
           error == EMFILE || error == ENFILE;
}

Error cannot(const std::string& path, const char* what, int error) {
    const std::string text = "the crash journal " + path + " " + what + ": " + std::strerror(error);
    if (is_passing(error)) return Error(ErrorCode::retry, text);
    return Error(ErrorCode::config, text + "; give state_dir a folder that can be written");
}

// Allocates the blocks of the file up to `size` bytes. Returns an errno.
int allocate(int descriptor, std::size_t size) {
    int error = EINTR;
    while (error == EINTR) error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size));
    return error;
}

}  // namespace

// Returns whether this process now has the lock. If not, errno has the reason; 0: another process has the
// lock.
bool CrashJournal::lock_file(const std::string& path) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor_ < 0) return false;
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return true;
    const int error = errno == EWOULDBLOCK ? 0 : errno;
    ::close(std::exchange(descriptor_, -1));
    errno = error;
    return false;
}

// Returns the number of desks that the last run left; 0 if the file is new, of another version, or
// incomplete.
std::uint32_t CrashJournal::workers_before() const {
    struct Head {
        char magic[8];
        std::uint32_t cut_off, workers;
    } head{};
    static_assert(sizeof head == offsetof(File, suspects));
    struct stat status {};
    if (::pread(descriptor_, &head, sizeof head, 0) != sizeof head || ::fstat(descriptor_, &status) != 0)
        return 0;
    if (std::memcmp(head.magic, magic, sizeof magic) != 0 || head.workers > most_workers) return 0;
    const std::size_t size = sizeof(File) + head.workers * sizeof(Desk);
    return static_cast<std::size_t>(status.st_size) >= size ? head.workers : 0;
}

Result<std::unique_ptr<CrashJournal>> CrashJournal::open(const std::string& directory,
                                                         const std::string& name, std::uint32_t workers) {
    VOLLEY_ASSERT(workers <= most_workers);
    std::error_code made;
    std::filesystem::create_directories(directory, made);
    if (made) return cannot(directory, "cannot be kept there", made.value());
    std::unique_ptr<CrashJournal> journal(new CrashJournal());
    std::string path;
    for (int process = 1; process <= most_processes && journal->descriptor_ < 0; ++process) {
        path = directory + "/" + name + (process == 1 ? "" : "." + std::to_string(process)) + ".journal";
        if (!journal->lock_file(path) && errno != 0) return cannot(path, "cannot be opened", errno);
    }
    if (journal->descriptor_ < 0) return cannot(path, "is in use", EBUSY);
    const std::uint32_t before = journal->workers_before();
    if (before == 0 && ::ftruncate(journal->descriptor_, 0) != 0)
        return cannot(path, "cannot be made", errno);
    journal->size_ = sizeof(File) + std::max(before, workers) * sizeof(Desk);
    if (const int error = allocate(journal->descriptor_, journal->size_); error != 0) {
        // A partial journal is useless, and takes space on a full disk.
        if (before == 0 && ::ftruncate(journal->descriptor_, 0) != 0)
            return cannot(path, "cannot be made", errno);
        return cannot(path, "cannot be made", error);
    }
    void* const at =
        ::mmap(nullptr, journal->size_, PROT_READ | PROT_WRITE, MAP_SHARED, journal->descriptor_, 0);
    if (at == MAP_FAILED) return cannot(path, "cannot be mapped", errno);
    journal->file_ = static_cast<File*>(at);
    journal->suspect_what_was_running();
    std::memcpy(journal->file_->magic, magic, sizeof magic);
    journal->file_->workers = workers;
    return journal;
}

CrashJournal::~CrashJournal() {
    if (file_ != nullptr) ::munmap(file_, size_);
    if (descriptor_ >= 0) ::close(descriptor_);
}

void CrashJournal::suspect_what_was_running() {
    const auto now = static_cast<std::uint32_t>(std::time(nullptr));
    for (std::uint32_t place = 0; place < most_suspects; ++place) {
        Suspect& suspect = file_->suspects[place];
        if (suspect.message == 0) continue;
        if (now - suspect.last_seconds > forgotten_after_s)
            suspect = {};
        else
            place_of_.emplace(suspect.message, place);
    }
    const bool by_us = file_->cut_off.exchange(0) != 0;
    for (std::uint32_t worker = 0; worker < file_->workers; ++worker) {
        Desk& left = desk(worker);
        const auto count = std::min<std::uint64_t>(left.count.load(), most_at_once);
        for (std::uint64_t i = 0; i < count && !by_us; ++i) suspect(left.messages[i], now);
        left.count.store(0);
    }
    suspect_count_.store(place_of_.size());
}

void CrashJournal::suspect(std::uint64_t message, std::uint32_t now_seconds) {
    ++found_;
    auto known = place_of_.find(message);
    if (known == place_of_.end()) {
        const auto* const free = std::find_if(std::begin(file_->suspects), std::end(file_->suspects),
                                              [](const Suspect& s) { return s.message == 0; });
        // The table is full. The message becomes a suspect at its next crash.
        if (free == std::end(file_->suspects)) return;
        known = place_of_.emplace(message, static_cast<std::uint32_t>(free - file_->suspects)).first;
    }
    Suspect& suspect = file_->suspects[known->second];
    suspect = {message, suspect.crashes + 1, now_seconds};
}

std::uint32_t CrashJournal::crashes(std::uint64_t message) {
    if (message == 0 || !has_suspects()) return 0;
    const std::lock_guard lock(mutex_);
    const auto known = place_of_.find(message);
    return known == place_of_.end() ? 0 : file_->suspects[known->second].crashes;
}

void CrashJournal::acquit(std::uint64_t message) {
    const std::lock_guard lock(mutex_);
    const auto known = place_of_.find(message);
    if (known == place_of_.end()) return;
    file_->suspects[known->second] = {};
    place_of_.erase(known);
    suspect_count_.store(place_of_.size());
}

CrashJournal::Desk& CrashJournal::desk(std::uint32_t worker) const {
    return reinterpret_cast<Desk*>(file_ + 1)[worker];
}

void CrashJournal::enter(std::uint32_t worker, std::uint64_t message) {
    Desk& d = desk(worker);
    const std::uint64_t count = d.count.load(std::memory_order_relaxed);
    if (message == 0 || count == most_at_once) return;
    d.messages[count] = message;
    d.count.store(count + 1, std::memory_order_release);
}

// The last one takes its place: if the process dies in between, that one stands there twice.
void CrashJournal::leave(std::uint32_t worker, std::uint64_t message) {
    Desk& d = desk(worker);
    const std::uint64_t count = d.count.load(std::memory_order_relaxed);
    auto* const found = std::find(d.messages, d.messages + count, message);
    if (message == 0 || found == d.messages + count) return;
    *found = d.messages[count - 1];
    d.count.store(count - 1, std::memory_order_release);
}

void CrashJournal::leave(std::uint32_t worker) { desk(worker).count.store(0, std::memory_order_release); }

void CrashJournal::forget_running() { file_->cut_off.store(1); }

std::string journal_file(const std::string& app, const std::string& component,
                         const std::string& configuration) {
    constexpr std::size_t longest = 60;  // of each name; the hash distinguishes names that are cut
    const auto plain = [](const std::string& name) {
        std::string out = name.substr(0, longest);
        for (char& c : out) {
            const bool fits =
                (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
            if (!fits) c = '_';
        }
        return out;
    };
    const std::uint64_t hash = text::Fingerprint().add(app).add(component).add(configuration).value();
    char hex[16];
    const auto* const end = std::to_chars(hex, hex + sizeof hex, hash, 16).ptr;
    return plain(app) + '.' + plain(component) + '.' + std::string(hex, static_cast<std::size_t>(end - hex));
}

std::string journal_directory(const std::string& configured) {
    if (!configured.empty()) return configured;
    // systemd separates several directories with colons; the first is the service's own.
    if (const char* state = std::getenv("STATE_DIRECTORY"); state != nullptr && *state != '\0')
        return std::string(state).substr(0, std::string_view(state).find(':'));
    const std::string usual = "/var/lib/volley";
    return ::access(usual.c_str(), W_OK) == 0 ? usual : "";
}

}  // namespace volley::runtime
