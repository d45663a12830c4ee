// The consumer of a stream: a member of a consumer group.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "connection.hpp"
#include "deliveries.hpp"
#include "event_fd.hpp"
#include "group.hpp"
#include "reader.hpp"
#include "settler.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

// The end of the last page of an inspection, so that the next page needs no search.
struct PeekPosition {
    std::uint64_t skip = 0;
    std::string id;  // of the last entry before it; empty: the beginning
};

// Used by one thread, but for interrupt.
class StreamConsumer {
public:
    // Throws Error{config}. No I/O.
    explicit StreamConsumer(Context context);

    // See volley_consumer_class.
    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt() { interrupt_.signal(); }  // Thread: any.
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    Settler& settler() { return settler_; }
    const std::string& identity() const { return group_.identity(); }
    Connection& connection() { return connection_; }
    PeekPosition& peek_position() { return peek_position_; }
    // Fills the batch from {entry, delivery count, …}. Handles are 0. The views are valid until the next
    // call.
    void show(volley_batch& batch, Reply reply);

private:
    Context context_;
    EventFd interrupt_;
    Connection connection_;
    Deliveries deliveries_;
    Settler settler_;
    Group group_;
    Reader reader_;
    ReceivedBatch shown_;  // of the last inspection
    PeekPosition peek_position_;
};

// The table of volley.inspect/1.
const volley_ext_inspect* inspect_functions();

}  // namespace volley::streams
