// A child process with pipes: its own process group, nothing inherited but three descriptors and a cleaned
// environment, killed with us. Owned and used by one thread; a second one, inside, carries its standard error
// into the log.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "volley/error.hpp"

namespace volley::handlers {

struct ChildOptions {
    std::vector<std::string> exec;  // program and arguments; the program is searched in PATH
    std::string directory;          // its working directory
    std::string component;          // for its lines in the log, and its VOLLEY_COMPONENT
};

class Child {
public:
    // Returns a running child. Errors: config (there is no such program), retry (no process could be made).
    static Result<std::unique_ptr<Child>> start(const ChildOptions& options);
    // Kills what is left of it, and waits: no zombie, no descriptor stays.
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    int input() const { return input_; }    // write to it; non-blocking
    int output() const { return output_; }  // read from it; non-blocking

    // Asks it to end by closing its input, waits up to `timeout_ms`, then kills its whole group. Returns how
    // it ended: "exit status 3", "killed by SIGSEGV".
    std::string end(std::uint32_t timeout_ms);
    // Kills its group at once.
    std::string kill();
    // The last of its standard error, at most 4 KiB.
    std::string stderr_tail() const;

private:
    Child() = default;
    void read_stderr();
    std::string reap(bool killed);
    void close_pipes();

    pid_t pid_ = -1;
    int input_ = -1;
    int output_ = -1;
    int stderr_ = -1;
    std::string component_;
    std::string ended_;
    std::thread stderr_thread_;
    mutable std::mutex mutex_;
    std::string tail_;
};

// Is the variable kept from children, because its name says that it holds a secret?
bool is_secret_variable(const std::string& name);

}  // namespace volley::handlers
