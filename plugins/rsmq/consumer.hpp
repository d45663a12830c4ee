// The RSMQ consumer: receives batches under a visibility timeout, and settles each message with its receive
// count as the receipt.
#pragma once

#include <cstdint>
#include <string_view>

#include "commit_input.hpp"
#include "deliveries.hpp"
#include "event_fd.hpp"
#include "idle_wait.hpp"
#include "pipeline.hpp"
#include "receiver.hpp"
#include "settler.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

// Used by one thread, but for interrupt.
class RsmqConsumer {
public:
    // Throws Error{config}. No I/O.
    explicit RsmqConsumer(Context context);

    // See volley_consumer_class.
    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt() { interrupt_.signal(); }  // Thread: any.
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    Settler& settler() { return settler_; }
    Receiver& receiver() { return receiver_; }
    CommitInput& commit_input() { return commit_input_; }

    const Settings& settings() const { return pipeline_.settings(); }
    // The connection, with no reply outstanding. Throws as Connection::command.
    Connection& connection() { return pipeline_.drained(); }
    // Fills the batch from the reply of an inspection, {id, body, receive count, …}. Handles are 0. The views
    // are valid until the next call.
    void show(volley_batch& batch, Reply reply);

private:
    Context context_;
    EventFd interrupt_;
    Pipeline pipeline_;
    Deliveries deliveries_;
    Settler settler_;
    Receiver receiver_;
    IdleWait idle_wait_;
    CommitInput commit_input_;
    ReceivedBatch shown_;  // of the last inspection
};

// The table of volley.inspect/1.
const volley_ext_inspect* inspect_functions();

}  // namespace volley::rsmq
