// Reads ranges of partitions outside any group: it assigns the partitions to the client, joins no group, and
// commits nothing.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client.hpp"

namespace volley::kafka {

struct FreeMessage {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
using Message = std::unique_ptr<rd_kafka_message_t, FreeMessage>;

// The offsets of one partition from `begin` up to, but not including, `end`.
struct Range {
    const std::string* topic = nullptr;  // must outlive the range
    std::int32_t partition = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

// Reads the messages of its ranges in the order of their timestamps; within a partition, of their offsets.
// Owns the assignment of `rk` during its lifetime. Advances each range's `begin` past the read messages, so
// that another reader can continue there.
class RangeReader {
public:
    RangeReader(rd_kafka_t* rk, const Client& client, std::vector<Range>& ranges);
    ~RangeReader();
    RangeReader(const RangeReader&) = delete;
    RangeReader& operator=(const RangeReader&) = delete;

    // Returns the next message, or null at the end of all ranges. Throws Error{retry} if the broker does not
    // respond.
    Message next();

private:
    struct Source {
        Range* range = nullptr;
        rd_kafka_queue_t* queue = nullptr;
        Message head;  // the next of this partition; null: not fetched yet, or at its end
        bool ended = false;
    };
    void fetch_head(Source& source);

    rd_kafka_t* rk_;
    const Client& client_;
    std::deque<Source> sources_;
};

}  // namespace volley::kafka
