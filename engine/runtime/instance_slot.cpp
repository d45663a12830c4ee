#include "runtime/instance_slot.hpp"

#include "log/log.hpp"
#include "runtime/call_status.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis look{20};              // at whether the engine stops
constexpr std::uint32_t close_timeout_ms = 5000;  // of an instance that is replaced

}  // namespace

Instance* InstanceSlot::enter() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (instance_ && retiring_ == 0) {
            ++inside_;
            return instance_.get();
        }
        if (failure_ || pipeline_.is_cut_off()) return nullptr;
        if (!instance_ && !is_making_ && backoff_.is_over(now()))
            make(lock);
        else
            changed_.wait_once(lock, monotonic() + look);
    }
}

void InstanceSlot::leave() {
    const std::lock_guard lock(mutex_);
    instance_->worked.store(true, std::memory_order_relaxed);
    backoff_.succeeded();
    if (--inside_ == 0) changed_.notify_all();
}

void InstanceSlot::leave_unused() {
    const std::lock_guard lock(mutex_);
    backoff_.succeeded();
    if (--inside_ == 0) changed_.notify_all();
}

void InstanceSlot::leave_failed(const std::string& why) {
    std::unique_lock lock(mutex_);
    // One that never worked says nothing good of the next.
    if (!instance_->worked.load(std::memory_order_relaxed) && retiring_ == 0) backoff_.failed();
    tell("the handler's instance failed; it is replaced", why);
    retire(lock, "the handler's instance failed and is replaced: " + why, false);
}

void InstanceSlot::leave_for_good(const Error& why) {
    std::unique_lock lock(mutex_);
    if (!failure_) failure_ = why;
    retire(lock, why.text, false);
}

void InstanceSlot::leave_late() {
    std::unique_lock lock(mutex_);
    const std::string why = "the handler keeps messages longer than handler_timeout";
    tell("the handler's instance is replaced", why);
    retire(lock, why + "; its instance is replaced", true);
}

// The first who finds fault with it waits for the other calls and destroys it; the others wait for that.
void InstanceSlot::retire(std::unique_lock<std::mutex>& lock, const std::string& why, bool close_first) {
    const std::uint64_t serial = instance_->serial;
    --inside_;
    changed_.notify_all();
    if (retiring_ == serial) return changed_.wait(lock, [&] { return retiring_ != serial; });
    retiring_ = serial;
    health_.failed(why);
    changed_.wait(lock, [this] { return inside_ == 0; });
    std::unique_ptr<Instance> old = std::move(instance_);
    lock.unlock();
    if (close_first) maker_.close(*old, close_timeout_ms);
    old.reset();
    lock.lock();
    retiring_ = 0;
    health_.set_waiting(backoff_.begin(now()));
    changed_.notify_all();
}

void InstanceSlot::make(std::unique_lock<std::mutex>& lock) {
    is_making_ = true;
    health_.set_waiting(false);
    lock.unlock();
    auto made = maker_.make();
    lock.lock();
    is_making_ = false;
    if (made) {
        instance_ = std::move(*made);
        instance_->serial = ++serial_;
        health_.made();
    } else {
        make_failed(made.error());
    }
    changed_.notify_all();
}

void InstanceSlot::make_failed(const Error& error) {
    const bool first = serial_ == 0;
    if (needs_a_person(error.code) || (first && !may_pass(error.code))) {
        failure_ = error;
        return health_.failed(error.text);
    }
    backoff_.failed();
    health_.failed("the handler cannot be opened: " + error.text);
    tell("the handler cannot be opened; waiting for it", error.text);
    health_.set_waiting(backoff_.begin(now()));
}

// Not each time: one that fails again and again must not fill the log.
void InstanceSlot::tell(const char* what, const std::string& cause) {
    if (!backoff_.is_news(cause, now())) return;
    log::warning(what, {{"component", pipeline_.config.name}, {"cause", cause}});
}

bool InstanceSlot::is_retiring() const {
    const std::lock_guard lock(mutex_);
    return retiring_ != 0;
}

void InstanceSlot::join() {
    const std::lock_guard lock(mutex_);
    ++workers_;
}

void InstanceSlot::quit(std::uint32_t timeout_ms) {
    std::unique_ptr<Instance> last;
    {
        const std::lock_guard lock(mutex_);
        if (--workers_ > 0) return;
        maker_.discard();
        last = std::move(instance_);
    }
    if (last) maker_.close(*last, timeout_ms);
}

std::optional<Error> InstanceSlot::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

}  // namespace volley::runtime
