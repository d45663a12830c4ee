// Resolves a queue's `value` to topics, partitions and offsets.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "range_reader.hpp"

namespace volley::kafka {

// Splits "a, b" into topics. A pattern "^regex" is returned as it is, as librdkafka's subscription expects
// it.
std::vector<std::string> topics_of(const std::string& value);

// True for "^regex".
bool is_pattern(const std::string& value);
// Throws Error{config} if it is not a regular expression.
void check_pattern(const std::string& value);

// Returns a sentence that names the topics of the value that do not exist; empty if all exist, nothing if
// that cannot be determined now. A pattern that matches no topic counts as missing. Blocks up to `timeout_ms`
// for each topic.
std::optional<std::string> missing_topics(rd_kafka_t* rk, const std::string& value, int timeout_ms);

// Kafka's special times for ListOffsets: the end of the log, and its start.
inline constexpr std::int64_t latest = -1;
inline constexpr std::int64_t earliest = -2;

// Returns all partitions of the value's topics, in order; `names` stores the topics' names. A topic that does
// not exist has none. Throws Error.
std::vector<Range> partitions_of(rd_kafka_t* rk, const std::string& value, std::set<std::string>& names);

// Sets `bound` of each range to the first offset whose timestamp is not before `time` (Unix, ms), or to the
// end of the partition. Throws Error.
void query_offsets(rd_kafka_t* rk, std::vector<Range>& ranges, std::int64_t time, std::int64_t Range::*bound);

// Moves each `begin` forward to the offset that the client's group has committed. Throws Error.
void skip_committed(rd_kafka_t* rk, std::vector<Range>& ranges);

}  // namespace volley::kafka
