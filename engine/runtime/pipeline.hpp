// The data that the threads of one component share. It is created before they start and destroyed after they
// have ended.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/codec.hpp"
#include "plugins/catalog.hpp"
#include "runtime/ack_latency.hpp"
#include "runtime/completions.hpp"
#include "runtime/crash_journal.hpp"
#include "runtime/exemplars.hpp"
#include "runtime/histogram.hpp"
#include "runtime/message_context.hpp"
#include "runtime/padded_text.hpp"
#include "runtime/produce.hpp"
#include "runtime/tap.hpp"
#include "tracing/span.hpp"
#include "volley/config.hpp"

namespace volley::tracing {
class Tracer;
}

namespace volley::runtime {

class InstanceSlot;

struct Pipeline {
    std::string app;
    std::string base_dir;
    std::string config_file;  // its path; for a configuration built in code, the directory
    ComponentConfig config;
    QueueConfig input;
    std::string connector;      // the input's type
    PaddedText id_head;         // start of an output's id: "queue/", if the message does not name its source
    PaddedText id_tail;         // end of an output's id: "/component/"
    std::uint64_t id_seed = 0;  // differs between applications, and so do the ids of their outputs
    std::uint64_t id_seed_of_process = 0;  // the same, for a store without an identity
    std::string handler_label;             // "forward", "libship.so:Ship", "python3 ship.py"
    std::uint64_t max_message_bytes = 0;

    // Messages are decoded only if something reads the body.
    std::optional<codec::Decoder> decoder;
    codec::Encoding input_encoding = codec::Encoding::none;
    bool decode = false;
    bool schema = false;      // the input has a schema; tombstones skip it
    bool keeps_tree = false;  // forward to a queue whose encoder also reads the body: the body is parsed once

    // The handler's class. Empty, and no built-in handler: forward.
    std::optional<plugins::PluginClass> handler;
    const volley_handler_class* built_in_handler = nullptr;  // process and function are not plugins
    std::string handler_config = "{}";
    std::shared_ptr<InstanceSlot> shared_handler;  // one instance for all workers; null: each has its own
    bool keeps_groups = false;  // one call may contain several messages of an ordering group
    bool in_process = false;    // the handler can crash the process
    // The worker collects messages and hands each on when it completes: the handler is VOLLEY_ASYNC, or it
    // gets batches.
    bool is_async = false;
    std::string state_dir;                  // as in the configuration
    std::unique_ptr<CrashJournal> journal;  // null: the handler does not need it, or there is no place for it
    bool is_forward() const { return !handler && built_in_handler == nullptr; }

    // Outputs and acks are one transaction of their store, which the intake makes. Workers then pass nothing
    // to the output queues. Set before the workers start.
    bool transactions = false;

    // For an operator who watches messages. Outlives the component while somebody does.
    const std::shared_ptr<Tap> tap = std::make_shared<Tap>();

    // Tracing; null: off.
    tracing::Tracer* tracer = nullptr;
    const tracing::SpanSource* span_source = nullptr;
    std::uint64_t span_seed = 0;  // differs between components, and so do their span ids
    Exemplars handle_exemplars;
    Exemplars ack_exemplars;

    // store_name() of each store that the input has been: a file may be replaced while the engine runs. The
    // intake thread appends; workers read the entries that their messages name. Entry 0 is unused.
    delivery::Slab<std::uint64_t> stores;
    MessageContexts contexts;
    Completions completions;
    // Declared after everything that their producers use until they are destroyed.
    std::vector<std::unique_ptr<OutputQueue>> output_queues;
    std::unique_ptr<OutputQueue> dead_letters;
    DurationCounts handle_durations;
    AckLatency ack_latency;                                      // the intake thread adds
    std::atomic<std::uint64_t> nanoseconds_per_message{20'000};  // moving average; sizes the workers' batches
    bool input_is_log = false;                                   // progress is an offset
    std::atomic<bool> stopping{false};                           // do not start handlers any more
    std::atomic<bool> aborting{false};                           // do not wait for confirmations any more
    std::atomic<double> last_success_seconds{0};
    // How many messages a worker handles in a few milliseconds, so that the workers share evenly.
    std::uint32_t batch_limit() const {
        constexpr std::uint64_t largest_batch = 512, batch_ns = 5'000'000;
        const auto each = std::max<std::uint64_t>(nanoseconds_per_message.load(std::memory_order_relaxed), 1);
        return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(batch_ns / each, 1, largest_batch));
    }
    // Whether a worker gives back what it has not started. On a log only when time is up: a short batch is
    // sooner done than what stands behind it is done again.
    bool is_cut_off() const { return (input_is_log ? aborting : stopping).load(std::memory_order_relaxed); }
};

}  // namespace volley::runtime
