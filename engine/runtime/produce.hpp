// Produce: records go to a store through a OutputQueue, and its reports come back as completions.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/codec.hpp"
#include "plugins/instance.hpp"
#include "runtime/completions.hpp"
#include "runtime/message_context.hpp"
#include "runtime/schedule.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

// One output of a component: the producer, and what has to be known to feed it. Workers share it.
struct OutputQueue {
    std::string queue;      // the queue's name
    std::string value;      // what the store calls it
    std::string connector;  // the queue's type
    std::string label;      // of its class, in log lines: "kafka.so:KafkaProducer"
    std::uint16_t index = 0;
    Output blank;  // what its outputs begin with; copied, because zeroing so much compiles to a slow rep stos
    bool dead_letters = false;
    std::uint64_t flags = 0;  // VOLLEY_CAN_… of the producer's class
    std::optional<codec::Encoder> encoder;
    codec::Encoding encoding = codec::Encoding::none;
    bool schema = false;
    bool has_schema_of_input = false;  // what the decoder let pass, its encoder would, too
    std::optional<plugins::Producer> producer;
    CallMutex turn;  // taken around calls unless the class is VOLLEY_THREAD_SAFE
    Completions* completions = nullptr;
    bool open = false;                     // it was opened: only then is it closed. Thread: intake
    std::atomic<std::uint64_t> handed{0};  // records; each gets one report, which counts as sent or failed
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<bool> up{true};
    std::atomic<bool> closed{false};     // close has returned: no report counts any more
    std::atomic<bool> told_late{false};  // in the log, once

    bool can(std::uint64_t flag) const { return (flags & flag) != 0; }
    std::uint64_t reported() const {
        return sent.load(std::memory_order_relaxed) + failed.load(std::memory_order_relaxed);
    }
    // Reports are due.
    bool is_owed() const { return handed.load(std::memory_order_relaxed) > reported(); }

    // Thread: intake.
    std::uint64_t last_reported = 0;
    delivery::Instant last_report{0};
};

// The producer's volley_report_fn; the context is the OutputQueue. Thread: any.
void on_report(void* output_queue, const volley_report* reports, std::uint32_t count, std::uint32_t stride);

// Takes the reports that a connector makes within produce: what is stored at once is handed in with its
// message, instead of by a completion for each output. Owned by the worker that calls produce().
struct EarlyReports {
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    const std::uint32_t* places = nullptr;  // by record: the place of its message in `completions`, or none
    std::vector<Completion>* completions = nullptr;
};

// Hands the records over, waiting while the store has no room. Each gets exactly one report: the producer's,
// or, if it was not accepted, one made here. Once `give_up` is set the producer is not called any more, and
// the rest is reported as failed. Blocks. Thread: worker.
void produce(OutputQueue& output_queue, const volley_record* records, std::size_t count,
             const std::atomic<bool>& give_up, EarlyReports early = {});

// Whether reports are due that may come only when the producer is called.
inline bool needs_calls(const OutputQueue& output_queue) {
    return output_queue.is_owed() &&
           (output_queue.producer->has_poll() || output_queue.producer->has_flush());
}

// Calls a producer that owes reports: poll, and flush if none has come for a moment, or at once if
// `draining`. Skips one that a worker is calling. Returns why the producer cannot go on, or nothing. Thread:
// intake.
std::optional<Error> serve(OutputQueue& output_queue, bool draining, delivery::Instant now);

// Ends the producer within the time: afterwards every accepted record has been reported. Thread: intake.
void close(OutputQueue& output_queue, std::uint32_t timeout_ms);

}  // namespace volley::runtime
