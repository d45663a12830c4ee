// A child process with pipes. It has a process group of its own, inherits only three descriptors, and is
// killed when this process ends. Owned and used by one thread. A second, internal thread logs its standard
// error and notices its end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
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
    bool with_status_0 = false;  // it has exited by itself
};

struct ChildOptions {
    std::vector<std::string> exec;                // program and arguments; the program is searched in PATH
    std::string directory;                        // working directory
    std::string component;                        // name in log lines and in VOLLEY_COMPONENT
    std::function<void(const ChildEnd&)> on_end;  // called once by the second thread; may be empty
    std::uint32_t concurrency = 1;                // VOLLEY_CONCURRENCY; 0: it is not set
    std::map<std::string, std::string> env = {};  // variables beside those of this process
    bool clear_env = false;                       // … of which it gets only PATH
};

class Child {
public:
    // Returns a running child. Errors: config (the program does not exist), retry (no process could be
    // created).
    static Result<std::unique_ptr<Child>> start(const ChildOptions& options);
    // Kills what is left of the process group, and waits, so that no zombie and no descriptor remains.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    int input() const { return input_; }      // for writing; non-blocking
    int output() const { return output_; }    // for reading; non-blocking
    int end_event() const { return pidfd_; }  // readable once it has ended; -1: no support
    // Whether the child has ended, even if another process holds its pipes. Its process id is not reused
    // before it is waited for.
    bool has_ended() const;
    std::size_t unread() const;  // bytes in the pipe of its input
    // Bytes of memory that it uses (resident, without its own children); 0: unknown.
    std::uint64_t resident_bytes() const;

    void close_input();
    // Sends SIGTERM to its process group.
    void terminate() const;
    // Closes its input. After half of `timeout_ms` sends SIGTERM to its process group, and finally kills the
    // group.
    ChildEnd end(std::uint32_t timeout_ms);
    // Kills the process group at once.
    ChildEnd kill();
    // The end of its standard error, at most 4 KiB.
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
    int stop_event_ = -1;  // for the second thread
    std::string component_;
    std::function<void(const ChildEnd&)> on_end_;
    ChildEnd ended_;
    std::thread watcher_;
    mutable std::mutex mutex_;
    std::string tail_;
};

// Kills the process groups of all children, for a process that ends without destroying them. Thread: any.
void kill_children();

}  // namespace volley::handlers
