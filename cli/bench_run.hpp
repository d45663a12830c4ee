// The run of `volley bench`: sends, and watches the engine until everything is settled. Thread: one at a
// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench.hpp"
#include "bench_engine.hpp"
#include "message_maker.hpp"
#include "pace.hpp"
#include "queues/outbox.hpp"

namespace volley::cli {

struct BenchOutcome {
    std::uint64_t sent = 0;
    std::uint64_t refused = 0;  // by the store, or by the queue's rules about bodies
    std::string first_refusal;
    BenchFigures before;
    BenchFigures after;
    Latencies latencies;
    double sending_seconds = 0;
    double seconds = 0;  // from the first message that was sent to the last ack
    double cpu_seconds = 0;
    std::uint64_t resident_bytes = 0;  // the most that was seen
    bool was_interrupted = false;
    std::string stuck;           // why it ended although messages were left; empty: none were, or Ctrl-C
    std::optional<Error> error;  // why it ended early

    std::uint64_t settled() const { return after.settled() - before.settled(); }
};

class BenchRun {
public:
    BenchRun(const Bench& options, std::chrono::milliseconds duration, const BenchEngine& engine,
             const std::string& component, MessageMaker maker, queues::Outbox outbox);
    BenchRun(const BenchRun&) = delete;
    BenchRun& operator=(const BenchRun&) = delete;

    // Sends `bodies` again and again until the time or the number is over, and waits until what was sent is
    // settled.
    BenchOutcome run(const std::vector<std::string>& bodies);

private:
    using Clock = std::chrono::steady_clock;

    bool begin();
    void send_all(const std::vector<std::string>& bodies);
    bool send(const std::string& body);
    bool flush();
    void await_settlements();
    bool look();
    bool look_if_due();
    bool is_stuck();
    void end();
    bool fail(Error error);

    const Bench& options_;
    const std::chrono::milliseconds duration_;
    const BenchEngine& engine_;
    const std::string& component_;
    MessageMaker maker_;
    queues::Outbox outbox_;
    std::optional<Pace> pace_;  // from the beginning of the run
    BenchOutcome outcome_;
    Latencies latencies_before_;
    double cpu_before_ = 0;
    double began_at_ = 0;  // Unix time
    Clock::time_point began_;
    Clock::time_point looked_;
    Clock::time_point progressed_;  // when something was settled
    std::uint64_t looks_ = 0;
};

}  // namespace volley::cli
