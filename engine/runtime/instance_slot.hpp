// Where an instance of the component's handler stands: one slot a worker, or one for all of them if the class
// is thread-safe. The slot makes the instance, and another in its place when it failed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "plugins/instance.hpp"
#include "runtime/jobs.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

struct Instance {
    Instance(plugins::HandlerInstance made, JobTable& table) : jobs(table), handler(std::move(made)) {}
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    JobTable& jobs;
    std::optional<plugins::HandlerInstance> handler;
    std::uint64_t serial = 0;         // no two in a slot have the same
    std::atomic<bool> worked{false};  // a call of it has returned without a failure
};

// Thread: any worker of the slot.
class InstanceSlot {
public:
    explicit InstanceSlot(const Pipeline& pipeline) : pipeline_(pipeline) {}
    InstanceSlot(const InstanceSlot&) = delete;
    InstanceSlot& operator=(const InstanceSlot&) = delete;

    // The instance, for one call. If there is none it is made; what fails for now is tried again, ever later.
    // Null: the engine stops, or there will never be one, and failure() says why.
    Instance* enter();
    // Ends the call. `unused`: nothing was called.
    void leave();
    void leave_unused();
    // Likewise, of an instance that is done for. Returns when it is destroyed, hence not before the other
    // calls that are inside have ended.
    void leave_failed(const std::string& why);
    // Likewise, of one after which there will be no other: the component ends.
    void leave_for_good(const Error& why);
    // Likewise, of one that keeps messages past their time: it is closed before it is destroyed.
    void leave_late();

    // Whether the instance takes no more calls, because it is about to be replaced.
    bool is_retiring() const;

    // One more worker uses the slot, or one less; the last closes the instance.
    void join();
    void quit(std::uint32_t timeout_ms);

    // Why the slot is empty for good; after enter returned null.
    std::optional<Error> failure() const;
    // Why there is no instance now; empty: there is one.
    std::string problem() const;
    // How many instances have replaced another one. Thread: any.
    std::uint64_t restarts() const { return restarts_.load(std::memory_order_relaxed); }
    bool has_problem() const { return has_problem_.load(std::memory_order_relaxed); }
    // Why the handler takes no messages for now, which is no fault of ours: in its own words, or because an
    // instance could not be made and is tried again later. Empty: it takes them.
    std::string outage() const;

private:
    void make(std::unique_lock<std::mutex>& lock);
    Result<void> try_to_make();
    Result<plugins::HandlerInstance> create(const volley_jobs* jobs);
    void make_failed(const Error& error);
    void retire(std::unique_lock<std::mutex>& lock, const std::string& why, bool close_first);
    void close(Instance& instance, std::uint32_t timeout_ms) const;
    void back_off();
    void tell(const char* what, const std::string& cause);
    void set_problem(std::string why);
    void set_down(std::string why);

    const Pipeline& pipeline_;
    mutable std::mutex mutex_;
    Condition changed_;
    std::unique_ptr<Instance> instance_;
    std::unique_ptr<Instance> unopened_;  // open() asked to be called again; whoever makes has it
    std::uint32_t workers_ = 0;
    std::uint32_t inside_ = 0;  // calls of the instance
    std::uint64_t serial_ = 0;
    std::uint64_t destroyed_ = 0;  // the last one's serial
    bool making_ = false;
    bool retiring_ = false;
    std::uint32_t failures_ = 0;  // in a row: not made, or not once used
    delivery::Instant not_before_{0};
    delivery::Instant told_{0};
    std::string told_cause_;
    std::string problem_;
    std::optional<Error> failure_;
    std::atomic<std::uint64_t> restarts_{0};
    std::atomic<bool> has_problem_{false};
    std::atomic<bool> waits_{false};  // before it is tried again to make one

    mutable std::mutex health_mutex_;
    std::string down_;
    std::atomic<bool> is_down_{false};
};

}  // namespace volley::runtime
