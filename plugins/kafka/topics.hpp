// Which partitions a queue's `value` means, and where they begin and end.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "range_reader.hpp"

namespace volley::kafka {

// The topics of "a, b"; of "^regex" the expression alone, as librdkafka's subscription wants it.
std::vector<std::string> topics_of(const std::string& value);

// Is it "^regex"?
bool is_pattern(const std::string& value);
// Throws Error{config} if it is no regular expression.
void check_pattern(const std::string& value);

// Which of the topics that the value means do not exist, as a sentence; empty: all do; nothing: it cannot be
// known now. A pattern lacks its topics as long as it matches none. Blocks up to `timeout_ms` for each topic.
std::optional<std::string> missing_topics(rd_kafka_t* rk, const std::string& value, int timeout_ms);

// Kafka takes these in place of a time: the offset behind the last message, and that of the first.
inline constexpr std::int64_t latest = -1;
inline constexpr std::int64_t earliest = -2;

// Every partition that the value means now, in order; `names` keeps the topics' names. A topic that does not
// exist has none. Throws Error.
std::vector<Range> partitions_of(rd_kafka_t* rk, const std::string& value, std::set<std::string>& names);

// Sets `bound` of each to its first offset whose time is not before `time` (Unix, milliseconds), or to where
// the partition ends. Throws Error.
void ask_offsets(rd_kafka_t* rk, std::vector<Range>& ranges, std::int64_t time, std::int64_t Range::*bound);

// Moves each `begin` on to what the client's group has committed. Throws Error.
void skip_committed(rd_kafka_t* rk, std::vector<Range>& ranges);

}  // namespace volley::kafka
