// The clock of `volley test`: time passes only while every thread waits, and no notification is lost.
#include <atomic>
#include <catch2/catch.hpp>
#include <vector>

#include "testing/clock.hpp"

using namespace volley;
using namespace std::chrono_literals;
using cli::testing::Clock;

namespace {

struct InUse {
    explicit InUse(const Clock& clock) { runtime::use_schedule(&clock.schedule()); }
    ~InUse() { runtime::use_schedule(nullptr); }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
};

}  // namespace

TEST_CASE("threads that wait for a time wake in its order, and at once", "[cli]") {
    Clock clock;
    const InUse in_use(clock);
    std::mutex mutex;
    std::vector<std::int64_t> woken;
    runtime::Thread long_one;
    runtime::Thread short_one;
    clock.hold();  // until both are there
    long_one.start("long", [&] {
        runtime::sleep_for(2h);
        const std::lock_guard lock(mutex);
        woken.push_back(clock.elapsed().count());
    });
    short_one.start("short", [&] {
        for (int i = 0; i < 3; ++i) {
            runtime::sleep_for(10min);
            const std::lock_guard lock(mutex);
            woken.push_back(clock.elapsed().count());
        }
    });
    clock.let_go();
    short_one.join();
    long_one.join();
    CHECK(woken == std::vector<std::int64_t>{600'000, 1'200'000, 1'800'000, 7'200'000});
}

TEST_CASE("time stands still while a thread runs or a hold is not let go", "[cli]") {
    Clock clock;
    const InUse in_use(clock);
    std::atomic<bool> may_end{false};
    runtime::Thread running;
    runtime::Thread waiting;
    clock.hold();
    running.start("running", [&] {
        while (!may_end) std::this_thread::yield();
    });
    waiting.start("waiting", [] { runtime::sleep_for(1h); });
    clock.let_go();
    CHECK(clock.elapsed() == 0ms);
    clock.hold();
    may_end = true;
    running.join();
    CHECK(clock.elapsed() == 0ms);
    clock.let_go();
    waiting.join();
    CHECK(clock.elapsed() == 1h);
}

TEST_CASE("threads that notify each other lose nothing", "[cli]") {
    Clock clock;
    const InUse in_use(clock);
    std::mutex mutex;
    runtime::Condition changed;
    runtime::CallMutex calls;
    int turn = 0;
    int in_call = 0;
    constexpr int rounds = 2'000;
    std::vector<runtime::Thread> threads(3);
    for (int self = 0; self < 3; ++self) {
        threads[static_cast<std::size_t>(self)].start("turn", [&, self] {
            for (int round = 0; round < rounds; ++round) {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return turn % 3 == self; });
                ++turn;
                changed.notify_all();
                lock.unlock();
                const std::lock_guard call(calls);
                ++in_call;
            }
        });
    }
    for (runtime::Thread& thread : threads) thread.join();
    CHECK(turn == 3 * rounds);
    CHECK(in_call == 3 * rounds);
    CHECK(clock.elapsed() == 0ms);
}
