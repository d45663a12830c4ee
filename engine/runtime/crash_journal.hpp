// The crash journal: which messages were in a handler when the process died. A message that kills an
// in-process handler would kill every restart; a log has no count of its own that could tell. So each message
// is written down before its handler is called and struck out afterwards, in a file mapped into memory: what
// the process wrote survives its death (not the machine's, which needs no conviction).
//
// After a death all that stood there is suspected, because one of them did it. A suspect runs alone, one at a
// time; if it comes through it is acquitted, and if the process dies again it has one crash more.
//
// Names a message by journal_name() (identity.hpp). One file a component; a second process with the same
// component takes a file of its own. The file has all its blocks from the start: a write into a mapped hole
// on a full disk would be a SIGBUS.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "runtime/schedule.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

class CrashJournal {
public:
    // `directory` is made if it is not there. Errors: config, the file cannot be used; retry, there is no
    // room for it now.
    static Result<std::unique_ptr<CrashJournal>> open(const std::string& directory, const std::string& name,
                                                      std::uint32_t workers);
    ~CrashJournal();
    CrashJournal(const CrashJournal&) = delete;
    CrashJournal& operator=(const CrashJournal&) = delete;

    // How many messages were at work when the last process died.
    std::size_t found() const { return found_; }
    bool has_suspects() const { return suspect_count_.load(std::memory_order_relaxed) > 0; }
    // In how many deaths it was at work; 0: no suspect. Thread: any.
    std::uint32_t crashes(std::uint64_t message);
    // It came through, or failed, without killing anything. Thread: any.
    void acquit(std::uint64_t message);
    // Held around the handler's call for a suspect. Thread: any.
    CallMutex& turn() { return turn_; }

    // The handler is called with one more message; one message is over; all are over. Thread: the worker's
    // own.
    void enter(std::uint32_t worker, std::uint64_t message);
    void leave(std::uint32_t worker, std::uint64_t message);
    void leave(std::uint32_t worker);
    // What is at work now is cut off by us: it is no crash of theirs. Thread: any.
    void forget_running();

private:
    struct File;
    struct Suspect;
    struct Desk;

    CrashJournal() = default;
    bool lock_file(const std::string& path);
    std::uint32_t workers_before() const;
    void suspect_what_was_running();
    void suspect(std::uint64_t message, std::uint32_t now_seconds);
    Desk& desk(std::uint32_t worker) const;

    int descriptor_ = -1;
    std::size_t size_ = 0;
    File* file_ = nullptr;  // mapped, with a desk for each worker behind it
    std::size_t found_ = 0;
    std::atomic<std::size_t> suspect_count_{0};
    std::mutex mutex_;                                           // suspects
    std::unordered_map<std::uint64_t, std::uint32_t> place_of_;  // of a suspect, in the file's table
    CallMutex turn_;
};

// The name of a component's journal: of another application or configuration file it is another, though
// application and component have the same names. A file name, whatever is in them.
std::string journal_file(const std::string& app, const std::string& component,
                         const std::string& configuration);

// Where journals are kept: `configured`, else $STATE_DIRECTORY (systemd), else /var/lib/volley if it can be
// written; empty: nowhere.
std::string journal_directory(const std::string& configured);

}  // namespace volley::runtime
