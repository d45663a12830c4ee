#include "runtime/instance_slot.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis shortest_backoff{100};
constexpr delivery::Millis longest_backoff{10'000};
constexpr delivery::Millis log_period{60'000};
constexpr delivery::Millis look{20};              // at whether the engine stops
constexpr std::uint32_t close_timeout_ms = 5000;  // of an instance that is replaced

bool may_pass(ErrorCode code) { return code == ErrorCode::retry || code == ErrorCode::unknown; }

}  // namespace

Instance::~Instance() {
    handler.reset();
    jobs.give_back();
}

Instance* InstanceSlot::enter() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (instance_ && !retiring_) {
            ++inside_;
            return instance_.get();
        }
        if (failure_ || pipeline_.is_cut_off()) return nullptr;
        if (!instance_ && !making_ && now() >= not_before_)
            make(lock);
        else
            changed_.wait_once(lock, monotonic() + look);
    }
}

void InstanceSlot::leave() {
    const std::lock_guard lock(mutex_);
    instance_->worked.store(true, std::memory_order_relaxed);
    failures_ = 0;
    if (--inside_ == 0) changed_.notify_all();
}

void InstanceSlot::leave_unused() {
    const std::lock_guard lock(mutex_);
    failures_ = 0;
    if (--inside_ == 0) changed_.notify_all();
}

void InstanceSlot::leave_failed(const std::string& why) {
    std::unique_lock lock(mutex_);
    // One that never worked says nothing good of the next.
    if (!instance_->worked.load(std::memory_order_relaxed) && !retiring_) ++failures_;
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
    if (retiring_) return changed_.wait(lock, [&] { return destroyed_ >= serial; });
    retiring_ = true;
    set_problem(why);
    changed_.wait(lock, [this] { return inside_ == 0; });
    std::unique_ptr<Instance> old = std::move(instance_);
    lock.unlock();
    if (close_first) close(*old, close_timeout_ms);
    old.reset();
    lock.lock();
    retiring_ = false;
    destroyed_ = serial;
    back_off();
    changed_.notify_all();
}

void InstanceSlot::make(std::unique_lock<std::mutex>& lock) {
    making_ = true;
    waits_.store(false, std::memory_order_relaxed);
    lock.unlock();
    Result<void> made = try_to_make();
    lock.lock();
    making_ = false;
    if (made) {
        instance_ = std::move(unopened_);
        instance_->serial = ++serial_;
        if (serial_ > 1) restarts_.fetch_add(1, std::memory_order_relaxed);
        set_problem({});
    } else {
        make_failed(made.error());
    }
    changed_.notify_all();
}

Result<void> InstanceSlot::try_to_make() {
    if (!unopened_) {
        set_down({});  // what the one before said
        JobTable& jobs = JobTable::borrow();
        auto created = create(jobs.functions());
        if (!created) {
            jobs.give_back();
            return created.error();
        }
        unopened_ = std::make_unique<Instance>(std::move(*created), jobs);
    }
    auto opened = unopened_->handler->open();
    if (!opened && !may_pass(opened.error().code)) unopened_.reset();
    return opened;
}

Result<plugins::HandlerInstance> InstanceSlot::create(const volley_jobs* jobs) {
    plugins::Services services;
    services.queue = pipeline_.config.name;
    services.component = pipeline_.config.name;
    services.app = pipeline_.app;
    services.wake = [] {};
    services.health = [this](std::uint32_t state, std::string text) {
        set_down(state == VOLLEY_DOWN ? std::move(text) : std::string());
    };
    if (pipeline_.handler) {
        return plugins::HandlerInstance::create(*pipeline_.handler, std::move(services),
                                                pipeline_.handler_config, pipeline_.base_dir, jobs);
    }
    return plugins::HandlerInstance::create(pipeline_.built_in_handler, std::move(services),
                                            pipeline_.handler_config, pipeline_.base_dir, jobs);
}

void InstanceSlot::make_failed(const Error& error) {
    const bool first = serial_ == 0;
    if (needs_a_person(error.code) || (first && !may_pass(error.code))) {
        failure_ = error;
        set_problem(error.text);
        return;
    }
    ++failures_;
    set_problem("the handler cannot be opened: " + error.text);
    tell("the handler cannot be opened; waiting for it", error.text);
    back_off();
}

void InstanceSlot::back_off() {
    if (failures_ == 0) return;
    const std::uint32_t doublings = std::min(failures_ - 1, 10U);
    not_before_ = now() + std::min(shortest_backoff * (1 << doublings), longest_backoff);
    waits_.store(true, std::memory_order_relaxed);
}

// Not each time: one that fails again and again must not fill the log.
void InstanceSlot::tell(const char* what, const std::string& cause) {
    const delivery::Instant at = now();
    if (cause == told_cause_ && at - told_ < log_period) return;
    told_ = at;
    told_cause_ = cause;
    log::warning(what, {{"component", pipeline_.config.name}, {"cause", cause}});
}

void InstanceSlot::set_problem(std::string why) {
    problem_ = std::move(why);
    has_problem_.store(!problem_.empty(), std::memory_order_relaxed);
}

void InstanceSlot::close(Instance& instance, std::uint32_t timeout_ms) const {
    if (auto closed = instance.handler->close(timeout_ms); !closed) {
        log::warning(closed.error().text,
                     {{"component", pipeline_.config.name}, {"doing", "closing the handler"}});
    }
}

bool InstanceSlot::is_retiring() const {
    const std::lock_guard lock(mutex_);
    return retiring_;
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
        unopened_.reset();
        last = std::move(instance_);
    }
    if (last) close(*last, timeout_ms);
}

std::optional<Error> InstanceSlot::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

void InstanceSlot::set_down(std::string why) {
    const std::lock_guard lock(health_mutex_);
    down_ = std::move(why);
    is_down_.store(!down_.empty(), std::memory_order_release);
}

std::string InstanceSlot::outage() const {
    if (is_down_.load(std::memory_order_acquire)) {
        const std::lock_guard lock(health_mutex_);
        return down_;
    }
    return waits_.load(std::memory_order_relaxed) ? problem() : std::string();
}

std::string InstanceSlot::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

}  // namespace volley::runtime
