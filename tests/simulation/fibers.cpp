#include "fibers.hpp"

#include <algorithm>
#include <boost/context/stack_context.hpp>
#include <cstdlib>
#include <utility>

namespace simulation {

namespace {

// Stacks are used again: a seed starts dozens of threads.
class Stacks {
public:
    boost::context::stack_context allocate() {
        auto& free = all();
        boost::context::stack_context stack;
        stack.size = size;
        if (free.empty()) {
            stack.sp = static_cast<char*>(std::aligned_alloc(64, size)) + size;
        } else {
            stack.sp = static_cast<char*>(free.back()) + size;
            free.pop_back();
        }
        return stack;
    }
    void deallocate(boost::context::stack_context& stack) noexcept {
        all().push_back(static_cast<char*>(stack.sp) - size);
    }

private:
    static constexpr std::size_t size = 256 * 1024;
    static std::vector<void*>& all() {
        static std::vector<void*> free;
        return free;
    }
};

Fibers& fibers_of(void* context) { return *static_cast<Fibers*>(context); }

}  // namespace

Fibers::Fibers(Random& random) : random_(random) {
    schedule_.context = this;
    schedule_.monotonic = [](void* c) { return fibers_of(c).now(); };
    schedule_.unix_ms = [](void* c) {
        constexpr std::int64_t epoch = 1'700'000'000'000;
        return epoch + fibers_of(c).now_ms();
    };
    schedule_.entropy = [](void* c) { return std::uint64_t{fibers_of(c).random_()}; };
    schedule_.start = [](void* c, const std::string& name, std::function<void()> body) {
        return fibers_of(c).start(name, std::move(body));
    };
    schedule_.join = [](void* c, std::uint64_t thread) {
        Fibers& fibers = fibers_of(c);
        while (!fibers.has_ended(thread)) {
            if (fibers.current_ == nullptr) {
                if (!fibers.run_one()) fibers.advance_to_next(Nanoseconds::max());
            } else {
                fibers.wait(fibers.find(thread), Nanoseconds::max());
            }
        }
    };
    schedule_.wait = [](void* c, const void* place, std::unique_lock<std::mutex>& lock,
                        Nanoseconds deadline) {
        lock.unlock();
        fibers_of(c).wait(place, deadline);
        lock.lock();
    };
    schedule_.notify = [](void* c, const void* place) { fibers_of(c).notify(place); };
    schedule_.yield = [](void* c) { fibers_of(c).yield(); };
}

std::uint64_t Fibers::start(const std::string& name, std::function<void()> body) {
    auto fiber = std::make_unique<Fiber>();
    Fiber* const raw = fiber.get();
    raw->number = ++last_number_;
    raw->name = name;
    raw->context = boost::context::fiber(
        std::allocator_arg, Stacks(), [this, raw, body = std::move(body)](boost::context::fiber&& outside) {
            outside_ = std::move(outside);
            body();
            raw->ended = true;
            notify(raw);
            return std::move(outside_);
        });
    fibers_.push_back(std::move(fiber));
    return raw->number;
}

bool Fibers::run_one() {
    ready_.clear();
    for (const auto& fiber : fibers_) {
        if (fiber->place == nullptr && !fiber->ended) ready_.push_back(fiber.get());
    }
    if (ready_.empty()) return false;
    current_ = ready_[below(random_, ready_.size())];
    current_->context = std::move(current_->context).resume();
    current_ = nullptr;
    return true;
}

void Fibers::advance(Nanoseconds time) {
    now_ += time;
    for (const auto& fiber : fibers_) {
        if (fiber->place != nullptr && fiber->deadline <= now_) fiber->place = nullptr;
    }
}

void Fibers::advance_to_next(Nanoseconds limit) {
    Nanoseconds next = limit;
    for (const auto& fiber : fibers_) {
        if (fiber->place != nullptr) next = std::min(next, fiber->deadline);
    }
    if (next == Nanoseconds::max()) return;
    advance(std::max(next - now_, Nanoseconds(0)));
}

Fibers::Fiber* Fibers::find(std::uint64_t number) const {
    const auto found = std::find_if(fibers_.begin(), fibers_.end(),
                                    [number](const auto& fiber) { return fiber->number == number; });
    return found == fibers_.end() ? nullptr : found->get();
}

bool Fibers::has_ended(std::uint64_t fiber) const {
    const Fiber* const found = find(fiber);
    return found == nullptr || found->ended;
}

std::size_t Fibers::clean_up() {
    std::erase_if(fibers_, [](const auto& fiber) { return fiber->ended; });
    return fibers_.size();
}

std::string Fibers::describe() const {
    std::string out;
    for (const auto& fiber : fibers_) {
        if (fiber->ended) continue;
        out += (out.empty() ? "" : ", ") + fiber->name;
        if (fiber->place != nullptr && fiber->deadline == Nanoseconds::max()) out += " waits";
        if (fiber->place != nullptr && fiber->deadline != Nanoseconds::max())
            out += " waits until " + std::to_string(fiber->deadline.count() / 1'000'000) + " ms";
    }
    return out;
}

void Fibers::suspend() {
    Fiber* const self = current_;
    outside_ = std::move(outside_).resume();
    current_ = self;
}

void Fibers::wait(const void* place, Nanoseconds deadline) {
    if (current_ == nullptr) return;
    current_->place = place;
    current_->deadline = deadline;
    suspend();
}

void Fibers::yield() {
    if (current_ != nullptr) suspend();
}

void Fibers::notify(const void* place) {
    for (const auto& fiber : fibers_) {
        if (fiber->place == place) fiber->place = nullptr;
    }
}

}  // namespace simulation
