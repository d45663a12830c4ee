// The simulator's schedule (engine/runtime/schedule.hpp): threads are fibers of one thread of the system.
// Which of those that can run runs next, and how fast time passes, the seed decides.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "random.hpp"
#include "runtime/schedule.hpp"

namespace simulation {

using volley::runtime::Nanoseconds;

class Fibers {
public:
    explicit Fibers(Random& random);
    Fibers(const Fibers&) = delete;
    Fibers& operator=(const Fibers&) = delete;

    const volley::runtime::Schedule& schedule() const { return schedule_; }
    Nanoseconds now() const { return now_; }
    std::int64_t now_ms() const { return now_.count() / 1'000'000; }

    std::uint64_t start(const std::string& name, std::function<void()> body);
    // Runs one of the fibers until it waits or yields. Returns false if none can run.
    bool run_one();
    // Lets time pass. Fibers whose deadline has come can run then.
    void advance(Nanoseconds time);
    // Lets time pass to the nearest deadline of a fiber, but no further than `limit`.
    void advance_to_next(Nanoseconds limit);
    bool has_ended(std::uint64_t fiber) const;
    // Forgets the fibers that have ended. Returns how many have not.
    std::size_t clean_up();
    // What each fiber that has not ended waits for, for a person.
    std::string describe() const;

    // ---- from a fiber; from anywhere else these do nothing
    void wait(const void* place, Nanoseconds deadline);
    void yield();
    // ---- from anywhere
    void notify(const void* place);

private:
    struct Fiber {
        std::uint64_t number = 0;
        std::string name;
        boost::context::fiber context;
        const void* place = nullptr;  // waits there; null: can run
        Nanoseconds deadline{0};
        bool ended = false;
    };

    Fiber* find(std::uint64_t number) const;
    void suspend();

    Random& random_;
    volley::runtime::Schedule schedule_{};
    Nanoseconds now_{std::chrono::seconds(1000)};
    std::uint64_t last_number_ = 0;
    std::vector<std::unique_ptr<Fiber>> fibers_;
    std::vector<Fiber*> ready_;  // of run_one(), reused
    Fiber* current_ = nullptr;
    boost::context::fiber outside_;
};

}  // namespace simulation
