// What the threads of one component share: its parts, made before they start and gone after they ended.
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
#include "runtime/completions.hpp"
#include "runtime/crash_journal.hpp"
#include "runtime/histogram.hpp"
#include "runtime/message_context.hpp"
#include "runtime/padded_text.hpp"
#include "runtime/produce.hpp"
#include "volley/config.hpp"

namespace volley::runtime {

class InstanceSlot;

struct Pipeline {
    std::string app;
    std::string base_dir;
    std::string config_file;  // its path; of a configuration made in code, the folder
    ComponentConfig config;
    QueueConfig input;
    std::string connector;      // the input's type
    PaddedText id_head;         // of an output's id: "queue/", where the message does not name its source
    PaddedText id_tail;         // … "/component/"
    std::uint64_t id_seed = 0;  // of the application: two that read one store have ids of their own
    std::uint64_t id_seed_of_process = 0;  // the same for a store without an identity
    std::string handler_label;             // "forward", "libship.so:Ship", "python3 ship.py"
    std::uint64_t max_message_bytes = 0;

    // Decoding: only where somebody looks into the body.
    std::optional<codec::Decoder> decoder;
    codec::Encoding input_encoding = codec::Encoding::none;
    bool decode = false;
    bool schema = false;      // tombstones skip it
    bool keeps_tree = false;  // forward to a queue whose encoder looks into the body, too: it is parsed once

    // The handler's class; none: forward.
    std::optional<plugins::PluginClass> handler;
    const volley_handler_class* built_in_handler = nullptr;  // process and function, which are no plugins
    std::string handler_config = "{}";
    std::shared_ptr<InstanceSlot> shared_handler;  // one instance for all workers; none: each has its own
    bool keeps_groups = false;                     // several messages of a group may be in one call of it
    bool in_process = false;                       // the handler can take us down with it
    bool is_async = false;                         // VOLLEY_ASYNC: each message completes on its own
    std::string state_dir;                         // as configured
    std::unique_ptr<CrashJournal> journal;         // none: no handler that needs it, or no place to keep it
    bool is_forward() const { return !handler && built_in_handler == nullptr; }

    // Outputs and acks are one transaction of their store, made by the intake: workers hand nothing to the
    // output queues. Set before the workers start.
    bool transactions = false;

    // store_name() of each store that the input was, because a file may be replaced while we run. The intake
    // thread adds; workers read those that their messages name. The first is none.
    delivery::Slab<std::uint64_t> stores;
    MessageContexts contexts;
    Completions completions;
    // Behind what their producers use until they are destroyed.
    std::vector<std::unique_ptr<OutputQueue>> output_queues;
    std::unique_ptr<OutputQueue> dead_letters;
    DurationCounts handle_durations;
    std::atomic<std::uint64_t> nanoseconds_per_message{20'000};  // moving average; sizes the workers' batches
    bool input_is_log = false;                                   // its progress is an offset
    std::atomic<bool> stopping{false};                           // start no handler any more
    std::atomic<bool> aborting{false};                           // give up on what is not confirmed
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
