// Brings what was consumed into the core and into its slots. Thread: intake.
#pragma once

#include <cstdint>
#include <string>

#include "codec/codec.hpp"
#include "delivery/delivery.hpp"
#include "runtime/assignments.hpp"
#include "runtime/input.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

class Receiver {
public:
    Receiver(Pipeline& pipeline, delivery::Delivery& core, Assignments& assignments, bool orders_by_key)
        : pipeline_(pipeline), core_(core), assignments_(assignments), orders_by_key_(orders_by_key) {}

    // Asks the input which store the messages of the last consume are from: a file may be replaced while we
    // run. One that cannot say it now is a warning. Errors: the consumer cannot go on.
    Result<void> ask_identity(Input& input);
    // Returns false if the message must be released at once: its partition is not ours, or the log hands out
    // an offset again.
    bool receive(const volley_message& message, std::int64_t received_ms);

private:
    void find_key(const volley_message& message, delivery::Incoming& incoming);
    void keep_key_lookup(MessageContext& context, delivery::Slot slot);

    Pipeline& pipeline_;
    delivery::Delivery& core_;
    Assignments& assignments_;
    bool orders_by_key_;
    std::string identity_;           // of the store, as it said last
    std::uint32_t store_ = 0;        // its index in Pipeline::stores; 0: it did not say
    std::uint32_t last_store_ = 0;   // the last index given
    bool told_no_identity_ = false;  // a warning once
    MessageContext key_lookup_;      // decoded for its key, before the core has a slot for it
    codec::Parsed key_lookup_tree_;
};

}  // namespace volley::runtime
