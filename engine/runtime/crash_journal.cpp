#include "runtime/crash_journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "delivery/assert.hpp"
#include "volley/view.hpp"

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
    std::uint64_t message;  // 0: a free place
    std::uint32_t crashes;
    std::uint32_t last_seconds;  // Unix time
};

// What a worker's handler has in hand. The count is written last.
struct CrashJournal::Desk {
    std::atomic<std::uint64_t> count;
    std::uint64_t messages[most_at_once];
};

// Its holes cost nothing: the file is sparse.
struct CrashJournal::File {
    char magic[8];
    std::atomic<std::uint32_t> cut_off;  // 1: the process ended its handlers' work itself
    std::uint32_t workers;               // desks in use
    Suspect suspects[most_suspects];
    Desk desks[most_workers];
};

namespace {

Error cannot(const std::string& path, const char* what) {
    return Error(ErrorCode::config, "the crash journal " + path + " " + what + ": " + std::strerror(errno) +
                                        "; give state_dir a folder that can be written");
}

}  // namespace

Result<std::unique_ptr<CrashJournal>> CrashJournal::open(const std::string& directory,
                                                         const std::string& component,
                                                         std::uint32_t workers) {
    VOLLEY_ASSERT(workers <= most_workers);
    std::error_code made;
    std::filesystem::create_directories(directory, made);
    std::unique_ptr<CrashJournal> journal(new CrashJournal());
    std::string path;
    for (int process = 1; process <= most_processes; ++process) {
        path = directory + "/" + component + (process == 1 ? "" : "." + std::to_string(process)) + ".journal";
        const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0) return cannot(path, "cannot be opened");
        if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
            journal->descriptor_ = descriptor;
            break;
        }
        ::close(descriptor);
    }
    if (journal->descriptor_ < 0) return cannot(path, "is in use");
    struct stat status {};
    if (::fstat(journal->descriptor_, &status) != 0) return cannot(path, "cannot be read");
    journal->size_ = sizeof(File);
    const bool as_big = static_cast<std::size_t>(status.st_size) == journal->size_;
    // What another version wrote, or half a file, is begun anew.
    if (!as_big && (::ftruncate(journal->descriptor_, 0) != 0 ||
                    ::ftruncate(journal->descriptor_, static_cast<off_t>(journal->size_)) != 0)) {
        return cannot(path, "cannot be made");
    }
    void* const at =
        ::mmap(nullptr, journal->size_, PROT_READ | PROT_WRITE, MAP_SHARED, journal->descriptor_, 0);
    if (at == MAP_FAILED) return cannot(path, "cannot be mapped");
    journal->file_ = static_cast<File*>(at);
    if (std::memcmp(journal->file_->magic, magic, sizeof magic) != 0) {
        if (as_big && ::ftruncate(journal->descriptor_, 0) == 0 &&
            ::ftruncate(journal->descriptor_, static_cast<off_t>(journal->size_)) != 0) {
            return cannot(path, "cannot be made");
        }
        std::memcpy(journal->file_->magic, magic, sizeof magic);
    }
    journal->suspect_what_was_running();
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
    for (std::uint32_t worker = 0; worker < std::min(file_->workers, most_workers); ++worker) {
        Desk& desk = file_->desks[worker];
        const auto count = std::min<std::uint64_t>(desk.count.load(), most_at_once);
        for (std::uint64_t i = 0; i < count && !by_us; ++i) suspect(desk.messages[i], now);
        desk.count.store(0);
    }
    suspect_count_.store(place_of_.size());
}

void CrashJournal::suspect(std::uint64_t message, std::uint32_t now_seconds) {
    ++found_;
    auto known = place_of_.find(message);
    if (known == place_of_.end()) {
        const auto* const free = std::find_if(std::begin(file_->suspects), std::end(file_->suspects),
                                              [](const Suspect& s) { return s.message == 0; });
        // Full of others: this one is suspected in its next crash.
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

CrashJournal::Desk& CrashJournal::desk(std::uint32_t worker) const { return file_->desks[worker]; }

void CrashJournal::enter(std::uint32_t worker, std::uint64_t message) {
    Desk& d = desk(worker);
    const std::uint64_t count = d.count.load(std::memory_order_relaxed);
    if (message == 0 || count == most_at_once) return;
    d.messages[count] = message;
    d.count.store(count + 1, std::memory_order_release);
}

void CrashJournal::leave(std::uint32_t worker) { desk(worker).count.store(0, std::memory_order_release); }

void CrashJournal::forget_running() { file_->cut_off.store(1); }

std::uint64_t journal_name(const volley_message& message, std::string_view queue) {
    if (is_absent(message.id) && message.offset < 0) return 0;
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    const auto mix = [&hash](const void* data, std::size_t size) {
        const auto* bytes = static_cast<const unsigned char*>(data);
        for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
    };
    const std::string_view source = is_absent(message.source) ? queue : text_of(message.source);
    mix(source.data(), source.size());
    mix(&message.partition, sizeof message.partition);
    mix(&message.offset, sizeof message.offset);
    if (!is_absent(message.id)) mix(message.id.data, message.id.size);
    return hash == 0 ? 1 : hash;
}

std::string journal_directory(const std::string& configured) {
    if (!configured.empty()) return configured;
    // systemd lists several with colons between them; the first is the service's own.
    if (const char* state = std::getenv("STATE_DIRECTORY"); state != nullptr && *state != '\0')
        return std::string(state).substr(0, std::string_view(state).find(':'));
    const std::string usual = "/var/lib/volley";
    return ::access(usual.c_str(), W_OK) == 0 ? usual : "";
}

}  // namespace volley::runtime
