// A child process with pipes: its own process group, nothing inherited but three descriptors and a cleaned
// environment, killed with us. Owned and used by one thread; a second one, inside, carries its standard error
// into the log and notices its end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "volley/error.hpp"

namespace volley::handlers {

// How a child ended.
struct ChildEnd {
    std::string text;            // "exit status 3", "killed by SIGSEGV"
    bool with_status_0 = false;  // of its own will
};

struct ChildOptions {
    std::vector<std::string> exec;                // program and arguments; the program is searched in PATH
    std::string directory;                        // its working directory
    std::string component;                        // for its lines in the log, and its VOLLEY_COMPONENT
    std::function<void(const ChildEnd&)> on_end;  // called once, by the second thread; may be empty
};

class Child {
public:
    // Returns a running child. Errors: config (there is no such program), retry (no process could be made).
    static Result<std::unique_ptr<Child>> start(const ChildOptions& options);
    // Kills what is left of it, and waits: no zombie, no descriptor stays.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    int input() const { return input_; }      // write to it; non-blocking
    int output() const { return output_; }    // read from it; non-blocking
    int end_event() const { return pidfd_; }  // readable once it has ended; -1: this kernel has none
    // Has it ended, whoever else holds its pipes? Until it is waited for its number is not given to another.
    bool has_ended() const;
    std::size_t unread() const;  // bytes in its input's pipe

    // Asks it to end by closing its input, after half of `timeout_ms` with SIGTERM to its group, then kills
    // what is left of the group.
    ChildEnd end(std::uint32_t timeout_ms);
    // Kills its group at once.
    ChildEnd kill();
    // The last of its standard error, at most 4 KiB.
    std::string stderr_tail() const;

private:
    Child() = default;
    void watch(pid_t pid);
    bool read_stderr(std::string& line);
    bool wait_for_end(std::uint32_t timeout_ms) const;
    void close_pipes();

    pid_t pid_ = -1;
    int pidfd_ = -1;
    int input_ = -1;
    int output_ = -1;
    int stderr_ = -1;
    int stop_event_ = -1;  // of the second thread
    std::string component_;
    std::function<void(const ChildEnd&)> on_end_;
    ChildEnd ended_;
    std::thread watcher_;
    mutable std::mutex mutex_;
    std::string tail_;
};

// Is the variable kept from children, because its name says that it holds a secret?
bool is_secret_variable(const std::string& name);

// Kills the process groups of all children of this process, which is about to end without destroying them.
// Thread: any.
void kill_children();

}  // namespace volley::handlers
