// Keeps a child process running and transfers its messages: timeouts, replacements, and the messages of a
// child that ends. The Exchange interprets the lines, ChildPipes moves them. Owned and used by one thread,
// except where a function says otherwise.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "handlers/child.hpp"
#include "handlers/child_pipes.hpp"
#include "handlers/child_readiness.hpp"
#include "handlers/exchange.hpp"
#include "handlers/process.hpp"
#include "handlers/restart_backoff.hpp"
#include "handlers/wake_event.hpp"
#include "volley/abi.hpp"

namespace volley::handlers {

class ProcessHandler {
public:
    // Throws Error: retry (there is no descriptor left).
    ProcessHandler(const Context& context, const volley_jobs* jobs, const ProcessOptions& options);
    // Throws Error: config (the program does not exist), retry (no process could be created).
    void open();
    // Takes the tasks over: each is finished later, from inside of poll().
    void handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride);
    // Transfers what there is until a message is finished, `timeout` is over, or interrupt() is called.
    void poll(std::chrono::milliseconds timeout);
    // Thread: any.
    void interrupt() { wake_.set(); }
    // The time in which the child should end by itself or on SIGTERM.
    void close(std::uint32_t timeout_ms);

private:
    using Clock = std::chrono::steady_clock;
    // When the child must be done with something.
    struct Limits {
        std::chrono::milliseconds handler_timeout;
        std::chrono::milliseconds startup_timeout;  // until it has read its first message
        std::uint64_t max_messages;                 // 0: any number
        std::uint64_t max_memory;                   // bytes; 0: any amount
    };
    // Of the child that runs.
    struct Life {
        Clock::time_point born{};
        Clock::time_point loading_since{};               // since a message waits for it to load
        std::optional<Clock::time_point> leaving_since;  // since no more answers can come
        std::string too_large;                           // that it uses more memory than it may
    };

    Result<void> start_child();
    void wait_for_backoff(Clock::time_point until);
    void turn(Clock::time_point until);
    Clock::time_point deadline() const;
    void look_around(Clock::time_point now);
    void out_of_time(Clock::time_point now);
    void transfer(Clock::time_point until);
    std::optional<std::string> take_lines();
    void note_progress(Clock::time_point now);
    void bury(std::uint32_t reason, const std::string& why);
    void replace();
    void recycle(const std::string& why);

    Limits limits_;
    ChildOptions child_options_;
    WakeEvent wake_;
    Exchange exchange_;
    enum class LastEnd : std::uint8_t { none, planned, unplanned } last_end_ = LastEnd::none;  // of a child
    RestartBackoff backoff_;
    ChildReadiness readiness_;
    Life life_;
    Clock::time_point looked_{};
    ChildPipes pipes_;  // last, because the child's second thread uses readiness_
};

}  // namespace volley::handlers
