// Keeps a child process running and transfers its messages: pipes, timeouts, and the messages of a child that
// ends. The Exchange interprets the lines. Owned and used by one thread, except where a function says
// otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "handlers/child.hpp"
#include "handlers/exchange.hpp"
#include "handlers/process.hpp"
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
    Result<void> start_child();
    void wait_for_backoff(Clock::time_point until);
    void turn(Clock::time_point until);
    Clock::time_point deadline() const;
    void look_around(Clock::time_point now);
    void out_of_time(Clock::time_point now);
    void transfer(Clock::time_point until);
    void write_some();
    bool read_some();
    void read_rest();
    void note_progress(Clock::time_point now);
    void note_leaving();
    void bury(std::uint32_t reason, const std::string& why);
    void replace();
    void recycle(const std::string& why);
    void check_memory();
    void back_off(bool answered);
    void report_cannot_start(const std::string& why);
    void report_started();
    void report_loading();

    Context context_;
    ChildOptions child_options_;
    std::chrono::milliseconds handler_timeout_;
    std::chrono::milliseconds startup_timeout_;
    std::uint64_t max_messages_;
    std::uint64_t max_memory_;
    WakeEvent wake_;
    LineReader lines_;
    Exchange exchange_;
    Outbox outbox_;
    std::chrono::milliseconds backoff_{0};
    Clock::time_point not_before_{};
    Clock::time_point cannot_start_logged_{};

    enum class LastEnd : std::uint8_t { none, planned, unplanned } last_end_ = LastEnd::none;

    // Of the child.
    Clock::time_point born_{};
    Clock::time_point loading_since_{};      // since a message waits for it to load
    std::atomic<bool> is_started_{false};    // it has written or read: timeouts apply
    std::atomic<bool> has_messages_{false};  // if it ends, poll() notices
    bool is_down_ = false;                   // the last state that was reported as readiness
    bool input_closed_ = false;
    bool output_closed_ = false;
    std::string too_large_;  // that it uses more memory than it may
    std::optional<Clock::time_point> leaving_since_;
    Clock::time_point looked_{};

    std::unique_ptr<Child> child_;  // last, because its second thread uses the members above
};

}  // namespace volley::handlers
