// The producer of a stream: adds a batch of messages in one MULTI, so that either all of them are stored or
// none, and their order is kept when a batch is sent again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"
#include "trimming.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

// Used by one thread.
class StreamProducer {
public:
    // Throws Error{config}. No I/O.
    StreamProducer(Context context, volley_report_fn report, void* report_context);
    StreamProducer(const StreamProducer&) = delete;
    StreamProducer& operator=(const StreamProducer&) = delete;

    // See volley_producer_class.
    void open();
    // Reports every record before it returns.
    void produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                 std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);

private:
    using Batch = std::vector<const volley_record*>;

    std::int32_t send(const Batch& batch, Request& request);
    Reply add(const Batch& batch, Request& request);
    void report_all(const Batch& batch, std::int32_t status, std::string_view why);
    void report_added(const Batch& batch, const redisReply& results);

    Context context_;
    volley_report_fn report_;
    void* report_context_;
    Connection connection_;
    Trimming trimming_;
    bool is_down_ = false;  // the health that was reported last
};

}  // namespace volley::streams
