// Passes consumed messages to the core and stores them in their slots. Thread: intake.
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

    // Asks the input which store the messages of the last consume came from, because a file may be replaced
    // while the engine runs. If the input cannot say now, a warning is logged. Errors: the consumer cannot go
    // on.
    Result<void> ask_identity(Input& input);
    // Returns false if the message must be released at once: its partition is not assigned, or the log
    // delivered its offset before.
    bool receive(const volley_message& message, std::int64_t received_ms);

private:
    void find_key(const volley_message& message, delivery::Incoming& incoming);
    void keep_key_lookup(MessageContext& context, delivery::Slot slot);

    Pipeline& pipeline_;
    delivery::Delivery& core_;
    Assignments& assignments_;
    bool orders_by_key_;
    std::string identity_;           // of the store, as last reported
    std::uint32_t store_ = 0;        // its index in Pipeline::stores; 0: unknown
    std::uint32_t last_store_ = 0;   // the last index assigned
    bool told_no_identity_ = false;  // the warning was logged
    MessageContext key_lookup_;      // a message decoded for its key, before the core has a slot for it
    codec::Parsed key_lookup_tree_;
};

}  // namespace volley::runtime
