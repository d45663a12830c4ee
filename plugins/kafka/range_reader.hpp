// Reads stretches of partitions beside any group: the client is assigned them, joins nothing and commits
// nothing.
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

// What is to be read of one partition: the offsets from `begin` to before `end`.
struct Range {
    const std::string* topic = nullptr;  // lives longer than what uses it
    std::int32_t partition = 0;
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

// Brings the messages of its ranges by their time, those of a partition in their order. While it lives it has
// the assignment of `rk`. Each range's `begin` follows what was taken, so that another reader can go on from
// there.
class RangeReader {
public:
    RangeReader(rd_kafka_t* rk, const Client& client, std::vector<Range>& ranges);
    ~RangeReader();
    RangeReader(const RangeReader&) = delete;
    RangeReader& operator=(const RangeReader&) = delete;

    // The next one, or null at the end of all ranges. Throws Error{retry} if the broker does not answer.
    Message next();

private:
    struct Source {
        Range* range = nullptr;
        rd_kafka_queue_t* queue = nullptr;
        Message head;  // the next of this partition; null: to be fetched, or at its end
        bool ended = false;
    };
    void fetch_head(Source& source);

    rd_kafka_t* rk_;
    const Client& client_;
    std::deque<Source> sources_;
};

}  // namespace volley::kafka
