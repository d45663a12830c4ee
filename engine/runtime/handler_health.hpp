// What others see of a slot for instances of a handler: why there is no instance, and why the handler takes
// no messages. Written by the workers of the slot and by the handler itself. Thread: any.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

namespace volley::runtime {

class HandlerHealth {
public:
    // An instance was made: nothing is wrong. It counts as a restart if it replaces another one.
    void made();
    // There is no instance; says why, for people.
    void failed(std::string why);
    // Whether it is tried again later, so that messages wait.
    void set_waiting(bool waits) { waits_.store(waits, std::memory_order_relaxed); }
    // What the handler itself says (volley_services.health); empty: it takes messages.
    void set_down(std::string why);

    // A process of an instance has replaced another one; by design or because it failed.
    void replaced(bool planned);

    bool has_problem() const { return has_problem_.load(std::memory_order_relaxed); }
    // Why there is no instance now; empty: there is one.
    std::string problem() const;
    // Why the handler takes no messages for now, which is no fault of ours: in its own words, or because an
    // instance could not be made and is tried again later. Empty: it takes them.
    std::string outage() const;
    // How many instances, and processes of instances, have replaced another one, and how many of those did so
    // by design.
    std::uint64_t restarts() const { return restarts_.load(std::memory_order_relaxed); }
    std::uint64_t recycled() const { return recycled_.load(std::memory_order_relaxed); }

private:
    mutable std::mutex mutex_;
    std::string problem_;
    std::string down_;
    bool is_first_ = true;  // no instance was made yet
    // So that a look at a healthy handler takes no lock.
    std::atomic<bool> has_problem_{false};
    std::atomic<bool> is_down_{false};
    std::atomic<bool> waits_{false};
    std::atomic<std::uint64_t> restarts_{0};
    std::atomic<std::uint64_t> recycled_{0};
};

}  // namespace volley::runtime
