// Where an instance of the component's handler stands: one slot a worker, or one for all of them if the class
// is thread-safe. Knows which calls are inside the instance, and replaces one that failed when they have
// ended.
//
// Invariants: an instance is destroyed only when no call is inside. One thread at a time makes or destroys
// one, without the lock. While an instance is retiring, no call enters.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/handler_health.hpp"
#include "runtime/instance_backoff.hpp"
#include "runtime/instance_maker.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

// Thread: any worker of the slot.
class InstanceSlot {
public:
    explicit InstanceSlot(const Pipeline& pipeline) : pipeline_(pipeline), maker_(pipeline, health_) {}
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
    // Thread: any.
    const HandlerHealth& health() const { return health_; }

private:
    void make(std::unique_lock<std::mutex>& lock);
    void make_failed(const Error& error);
    void retire(std::unique_lock<std::mutex>& lock, const std::string& why, bool close_first);
    void tell(const char* what, const std::string& cause);

    const Pipeline& pipeline_;
    HandlerHealth health_;
    InstanceMaker maker_;
    mutable std::mutex mutex_;
    Condition changed_;
    // All below: guarded by mutex_.
    InstanceBackoff backoff_;
    std::unique_ptr<Instance> instance_;
    std::uint64_t serial_ = 0;  // of the last instance
    std::uint32_t workers_ = 0;
    std::uint32_t inside_ = 0;    // calls of the instance
    bool is_making_ = false;      // a thread makes an instance
    std::uint64_t retiring_ = 0;  // serial of the instance that is retiring, until it is destroyed; 0: none
    std::optional<Error> failure_;
};

}  // namespace volley::runtime
