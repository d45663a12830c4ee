// Producing: records go to a store through an OutputQueue, and reports come back as completions.
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
#include "runtime/last_error.hpp"
#include "runtime/message_context.hpp"
#include "runtime/schedule.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

// One output queue of a component: its producer, and what is needed to use it. All workers share it.
struct OutputQueue {
    std::string queue;      // the queue's name
    std::string value;      // its name in the store
    std::string connector;  // the queue's type
    std::string label;      // names its class in log lines
    std::uint16_t index = 0;
    Output blank;  // initial value of an output; copied, because zeroing so much compiles to a slow rep stos
    bool dead_letters = false;
    std::uint64_t flags = 0;  // VOLLEY_CAN_… of the producer's class
    std::optional<codec::Encoder> encoder;
    codec::Encoding encoding = codec::Encoding::none;
    bool schema = false;
    bool has_schema_of_input = false;  // its encoder accepts everything that the decoder accepts
    std::optional<plugins::Producer> producer;
    CallMutex turn;  // held during calls unless the class is VOLLEY_THREAD_SAFE
    Completions* completions = nullptr;
    bool open = false;                     // it was opened, so it must be closed. Thread: intake
    std::atomic<std::uint64_t> handed{0};  // records; each gets one report, counted as sent or failed
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<bool> up{true};
    LastError last_error;
    std::atomic<bool> closed{false};     // close has returned; later reports are ignored
    std::atomic<bool> told_late{false};  // a late report was logged, once

    bool can(std::uint64_t flag) const { return (flags & flag) != 0; }
    std::uint64_t reported() const {
        return sent.load(std::memory_order_relaxed) + failed.load(std::memory_order_relaxed);
    }
    // Whether reports are outstanding.
    bool is_owed() const { return handed.load(std::memory_order_relaxed) > reported(); }

    // Thread: intake.
    std::uint64_t last_reported = 0;
    delivery::Instant last_report{0};
};

// The producer's volley_report_fn; its context is the OutputQueue. Thread: any.
void on_report(void* output_queue, const volley_report* reports, std::uint32_t count, std::uint32_t stride);

// Collects the reports that a connector makes within produce. A record that is stored at once is then
// reported together with its message, instead of by a completion per output. Owned by the worker that calls
// produce().
struct EarlyReports {
    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    const std::uint32_t* places = nullptr;  // per record: index of its message in `completions`, or none
    std::vector<Completion>* completions = nullptr;
};

// Passes the records to the producer, and waits while the store has no room. Each record gets exactly one
// report: from the producer, or from here if the producer did not accept it. After `give_up` is set, the
// producer is not called any more, and the remaining records are reported as failed. Blocks. Thread: worker.
void produce(OutputQueue& output_queue, const volley_record* records, std::size_t count,
             const std::atomic<bool>& give_up, EarlyReports early = {});

// Whether reports are outstanding that may come only when the producer is called.
inline bool needs_calls(const OutputQueue& output_queue) {
    return output_queue.is_owed() &&
           (output_queue.producer->has_poll() || output_queue.producer->has_flush());
}

// Calls a producer that has outstanding reports: poll, and also flush if no report has come for a while or
// `draining` is set. Skips a producer that a worker is calling. Returns why the producer cannot go on, or
// nothing. Thread: intake.
std::optional<Error> serve(OutputQueue& output_queue, bool draining, delivery::Instant now);

// Closes the producer within `timeout_ms`. Afterwards every accepted record has been reported. Thread:
// intake.
void close(OutputQueue& output_queue, std::uint32_t timeout_ms);

}  // namespace volley::runtime
