// The state of an engine at one moment: the only source for metrics, status and probes. It is a plain copy;
// taking one never blocks the data path.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace volley::runtime {

// Upper bounds of the duration buckets, in seconds, as in OpenTelemetry's messaging conventions. The last
// bucket is +Inf.
inline constexpr std::array<double, 14> duration_bounds{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                        0.5,   0.75, 1,     2.5,  5,     7.5, 10};

struct Histogram {
    std::array<std::uint64_t, duration_bounds.size() + 1> counts{};  // per bucket, not cumulative
    double sum_seconds = 0;
};

// Upper bounds of the buckets of ack latencies, in seconds: from 1 ms to 35 min, four for each doubling. The
// last bucket is +Inf.
inline constexpr auto latency_bounds = [] {
    constexpr double fourth_root_of_2 = 1.189207115002721;
    std::array<double, 85> bounds{};
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        const auto doubled = static_cast<double>(std::uint64_t{1} << (i / 4));
        bounds[i] = 0.001 * doubled;
        for (std::size_t step = 0; step < i % 4; ++step) bounds[i] *= fourth_root_of_2;
    }
    return bounds;
}();

// Which of the first bounds is not below, of duration_bounds and latency_bounds.
inline std::size_t duration_bucket(double seconds) {
    return static_cast<std::size_t>(
        std::lower_bound(duration_bounds.begin(), duration_bounds.end(), seconds) - duration_bounds.begin());
}
inline std::size_t latency_bucket(double seconds) {
    return static_cast<std::size_t>(std::lower_bound(latency_bounds.begin(), latency_bounds.end(), seconds) -
                                    latency_bounds.begin());
}

// A sampled message that was counted in a bucket. unix_seconds 0: none was.
struct Exemplar {
    std::uint64_t trace_high = 0;
    std::uint64_t trace_low = 0;
    std::uint64_t span_id = 0;
    double seconds = 0;
    double unix_seconds = 0;
};

// How many acked messages took how long since their store's timestamp.
struct LatencyCounts {
    std::array<std::uint64_t, latency_bounds.size() + 1> counts{};  // per bucket, not cumulative
    double sum_seconds = 0;
};

// Failures by reason, in the order of VOLLEY_REASON_… (plugin.h); index 0 is not used.
inline constexpr std::size_t reason_count = 11;
inline constexpr std::array<const char*, reason_count> reason_names{
    "none",  "decode", "schema",   "handler_retry", "handler_fail", "timeout",
    "crash", "output", "shutdown", "too_large",     "crash_loop"};

struct OutputSnapshot {
    std::string queue;
    std::string connector;
    bool up = true;
    std::uint64_t sent = 0;    // confirmed by the store
    std::uint64_t failed = 0;  // failed sends; each was or will be retried or dead-lettered
    bool is_dead_letters = false;
    std::string last_error;  // the connector's text; empty if nothing has failed
};

// A message that failed and waits to be tried again.
struct RetryingSnapshot {
    std::string message;  // its offset in a log; otherwise the id that the store gave it
    std::int32_t partition = -1;
    const char* waits_for = "handler";  // handler, output, dead_letter_queue
    std::uint32_t attempt = 0;          // handler runs so far
    double next_try_seconds = 0;        // Unix time
    std::string error;
};

// A message in flight.
struct InFlightSnapshot {
    std::string message;  // its offset in a log; otherwise the id that the store gave it
    std::int32_t partition = -1;
    const char* state =
        "waiting";                // waiting, running, backing_off, sending, committing, dead_letter, settling
    std::uint32_t attempt = 0;    // handler runs so far, with the one that runs now
    std::int32_t worker = -1;     // which one has it; -1: none
    double received_seconds = 0;  // Unix time
    double lease_until_seconds = 0;  // Unix time, as far as the engine knows; 0: it has no lease
};

// The messages of a component in flight, at one moment.
struct InFlightList {
    double made_seconds = 0;                 // Unix time; 0: not made yet
    std::uint64_t total = 0;                 // the list has the oldest of them
    std::vector<InFlightSnapshot> messages;  // the oldest first
};

// What an operator has set for the time being.
struct LimitsSnapshot {
    std::uint32_t workers = 0;         // so many get messages; 0: all
    double workers_until_seconds = 0;  // Unix time at which the limit ends; 0: it does not by itself
    std::uint32_t per_second = 0;      // messages that are fetched; 0: no limit
    double per_second_until_seconds = 0;
};

// Messages from the committed offset to the end of a partition that is assigned to the consumer.
struct PartitionLag {
    std::string source;  // the topic, if a consumer can read several
    std::int32_t partition = -1;
    std::int64_t lag = -1;  // -1: unknown
};

struct PartitionLags {
    std::uint64_t assigned = 0;            // partitions; the list has those with the greatest lag
    std::vector<PartitionLag> partitions;  // by source and number
};

// What the input's store says about the queue. -1: it does not say.
struct BacklogSnapshot {
    double asked_seconds = 0;  // Unix time; 0: not asked yet, or it does not answer
    std::int64_t ready = -1;   // waiting; of a log: the lag
    std::int64_t in_flight = -1;
    std::int64_t delayed = -1;
    std::int64_t dead = -1;
    std::int64_t oldest_ms = -1;
    std::shared_ptr<const PartitionLags> lags;  // null: the connector does not say
};

// Inputs: received = done + dead + dropped + requeued + released + in_flight.
struct ComponentSnapshot {
    std::string name;
    std::string input;      // the queue's name
    std::string connector;  // its type
    bool ready = false;
    bool finished = false;      // ended because of on_fail: stop or a fatal error
    std::string why_not_ready;  // a sentence; empty when ready
    std::string cause;          // its kind in one word: input, output, paused, …; empty when ready
    double since_seconds = 0;   // since when there is this cause, Unix time; 0 when ready
    bool paused = false;        // the input is held back
    bool paused_by_operator = false;
    std::uint64_t received = 0;
    std::uint64_t done = 0;
    std::uint64_t dead = 0;  // confirmed by the dead-letter queue
    std::uint64_t dropped = 0;
    std::uint64_t requeued = 0;  // passed to the connector's on_fail
    std::uint64_t released = 0;  // the store delivers them again; the sum of the next three
    std::uint64_t released_by_stop = 0;
    std::uint64_t released_by_revocation = 0;
    std::uint64_t released_by_lease = 0;
    std::uint64_t lost = 0;         // settled too late: the store had delivered them to another consumer
    std::uint64_t redelivered = 0;  // received messages that the store had delivered before
    std::uint64_t possible_duplicates = 0;  // outputs, or messages with outputs, that may be stored twice
    bool breaker_open = false;              // every message fails, so the input is held back
    std::uint64_t in_flight = 0;
    std::uint64_t in_flight_bytes = 0;
    std::uint64_t retries = 0;
    std::array<std::uint64_t, reason_count> failures{};
    Histogram handle_seconds;                          // duration of each handler call
    std::shared_ptr<const LatencyCounts> ack_seconds;  // from the store's timestamp to the ack
    // By bucket of the two; empty: tracing is off, or nothing was sampled.
    std::vector<Exemplar> handle_exemplars;
    std::vector<Exemplar> ack_exemplars;
    std::uint32_t workers = 0;
    std::uint32_t concurrency = 1;  // messages of a worker at once
    std::uint32_t workers_busy = 0;
    std::uint64_t worker_restarts = 0;       // handler instances, or their processes, that replaced another
    std::uint64_t workers_recycled = 0;      // those of them that replaced a healthy one, by design
    double last_success_seconds = 0;         // Unix time; 0: never
    std::vector<OutputSnapshot> outputs;     // including the dead-letter queue
    std::vector<RetryingSnapshot> retrying;  // the next ones that are due
    BacklogSnapshot backlog;
    LimitsSnapshot limits;
    std::shared_ptr<const InFlightList> in_flight_list;  // null until somebody asks
};

// The last reload, and how many there were.
struct ReloadSnapshot {
    enum class State : std::uint8_t { none, running, applied, refused } state = State::none;
    std::uint64_t asked = 0;   // how often a reload was asked for
    std::uint64_t number = 0;  // the request that `state` answers; it answers all requests before it, too
    std::string text;          // refused: why. applied: what was started
    double ended_seconds = 0;  // Unix time
    double applied_seconds = 0;
    std::uint64_t applied = 0;
    std::uint64_t refused = 0;
};

// What became of the spans; zeros while tracing is off.
struct SpansSnapshot {
    std::uint64_t exported = 0;
    std::uint64_t dropped_queue_full = 0;
    std::uint64_t dropped_refused = 0;
    std::uint64_t dropped_unavailable = 0;
};

struct EngineSnapshot {
    std::string app;
    bool ready = false;
    bool draining = false;
    double started_seconds = 0;  // Unix time
    std::string file;            // the configuration; empty: built in code
    std::string log_level;
    double log_level_until_seconds = 0;  // Unix time at which the configured level returns; 0: it is in force
    ReloadSnapshot reload;
    SpansSnapshot spans;
    std::vector<ComponentSnapshot> components;
};

}  // namespace volley::runtime
