// The crash journal records which messages are in a handler, so that they are known if the process dies. A
// message that kills an in-process handler would kill the process after every restart, and a log has no
// delivery count that shows it. Before each handler call the journal enters the message; afterwards it
// removes it. The file is mapped into memory: its contents survive the death of the process. They need not
// survive the death of the machine, for which no message is to blame.
//
// After a crash, every message in the journal is a suspect, because one of them caused it. Suspects run
// alone, one at a time. A suspect that does not crash the process is acquitted. If the process crashes again,
// its crash count goes up by one.
//
// The journal identifies a message by journal_name() (identity.hpp). Each component has one file. A second
// process that runs the same component uses another file. All blocks of the file are allocated from the
// start, because a write to a hole in a mapped file raises SIGBUS when the disk is full.
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
    // Opens the component's journal in `directory`, which is created if it is missing. Errors: config, the
    // file cannot be used; retry, there is no space for it now.
    static Result<std::unique_ptr<CrashJournal>> open(const std::string& directory, const std::string& name,
                                                      std::uint32_t workers);
    ~CrashJournal();
    CrashJournal(const CrashJournal&) = delete;
    CrashJournal& operator=(const CrashJournal&) = delete;

    // Returns the number of messages that were in a handler when the last process died.
    std::size_t found() const { return found_; }
    bool has_suspects() const { return suspect_count_.load(std::memory_order_relaxed) > 0; }
    // Returns the number of crashes during which the message was in a handler; 0: it is not a suspect.
    // Thread: any.
    std::uint32_t crashes(std::uint64_t message);
    // Removes a suspect: its handler call ended, with success or failure, without a crash. Thread: any.
    void acquit(std::uint64_t message);
    // The mutex that a worker holds while a handler processes a suspect. Thread: any.
    CallMutex& turn() { return turn_; }

    // enter() adds one message to those that the worker's handler has; leave() removes it, or all of them.
    // Thread: that worker's.
    void enter(std::uint32_t worker, std::uint64_t message);
    void leave(std::uint32_t worker, std::uint64_t message);
    void leave(std::uint32_t worker);
    // Makes the next start ignore the messages that are in handlers now: the engine itself ends the process.
    // Thread: any.
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
    File* file_ = nullptr;  // mapped; followed by one desk per worker
    std::size_t found_ = 0;
    std::atomic<std::size_t> suspect_count_{0};
    std::mutex mutex_;                                           // guards the suspects
    std::unordered_map<std::uint64_t, std::uint32_t> place_of_;  // index of a suspect in the file's table
    CallMutex turn_;
};

// Returns the file name of a component's journal. The application, the component and the path of the
// configuration file determine it. Any characters in them are allowed.
std::string journal_file(const std::string& app, const std::string& component,
                         const std::string& configuration);

// Returns the directory for journals: `configured`, else $STATE_DIRECTORY (systemd), else /var/lib/volley if
// it is writable, else an empty string.
std::string journal_directory(const std::string& configured);

}  // namespace volley::runtime
