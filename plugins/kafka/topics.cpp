#include "topics.hpp"

#include <regex.h>

#include <algorithm>
#include <functional>

#include "clock.hpp"
#include "partition_list.hpp"

namespace volley::kafka {

namespace {

constexpr int request_timeout_ms = 10'000;

void check(rd_kafka_resp_err_t code, const std::string& what) {
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    const std::string text = what + ": " + rd_kafka_err2str(code);
    if (is_unauthorized(code)) throw unauthorized(code, text);
    throw Error(ErrorCode::retry, "kafka: " + text);
}

struct FreeMetadata {
    void operator()(const rd_kafka_metadata_t* metadata) const { rd_kafka_metadata_destroy(metadata); }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, FreeMetadata>;

// For one topic, or for all if `topic` is null.
Metadata request_metadata(rd_kafka_t* rk, rd_kafka_topic_t* topic, int timeout_ms = request_timeout_ms) {
    const rd_kafka_metadata_t* metadata = nullptr;
    check(rd_kafka_metadata(rk, topic == nullptr ? 1 : 0, topic, &metadata, timeout_ms),
          "the cluster's topics");
    return Metadata(metadata);
}

// A POSIX extended regular expression, as in librdkafka.
class Pattern {
public:
    explicit Pattern(const std::string& expression) {
        if (regcomp(&compiled_, expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
            throw Error(ErrorCode::config, "kafka: \"" + expression + "\" is no regular expression");
    }
    ~Pattern() { regfree(&compiled_); }
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;

    bool matches(const char* name) const { return regexec(&compiled_, name, 0, nullptr, 0) == 0; }

private:
    regex_t compiled_{};
};

std::vector<std::string> topics_matching(rd_kafka_t* rk, const std::string& expression,
                                         int timeout_ms = request_timeout_ms) {
    const Pattern pattern(expression);
    std::vector<std::string> names;
    const Metadata all = request_metadata(rk, nullptr, timeout_ms);
    for (int i = 0; i < all->topic_cnt; ++i) {
        if (pattern.matches(all->topics[i].topic)) names.emplace_back(all->topics[i].topic);
    }
    std::sort(names.begin(), names.end());
    return names;
}

using Topic = std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)>;

Topic topic_named(rd_kafka_t* rk, const std::string& name) {
    Topic topic(rd_kafka_topic_new(rk, name.c_str(), nullptr), &rd_kafka_topic_destroy);
    if (topic == nullptr) throw Error(ErrorCode::config, "kafka: \"" + name + "\" is not a valid topic");
    return topic;
}

// Waits until a topic that was just created has its leaders.
int partition_count(rd_kafka_t* rk, const std::string& name) {
    const Topic topic = topic_named(rk, name);
    const std::int64_t deadline = now_ms() + request_timeout_ms;
    for (;;) {
        const Metadata metadata = request_metadata(rk, topic.get());
        const rd_kafka_metadata_topic_t& found = metadata->topics[0];
        if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return 0;
        if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR) return found.partition_cnt;
        if (found.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || now_ms() > deadline)
            check(found.err, "topic \"" + name + "\"");
        rd_kafka_poll(rk, 100);
    }
}

List list_of(const std::vector<Range>& ranges, const std::function<std::int64_t(const Range&)>& offset) {
    List list = new_list(ranges.size());
    for (const Range& range : ranges) {
        rd_kafka_topic_partition_list_add(list.get(), range.topic->c_str(), range.partition)->offset =
            offset(range);
    }
    return list;
}

bool is_missing(rd_kafka_t* rk, const std::string& name, int timeout_ms) {
    const Topic topic = topic_named(rk, name);
    const Metadata metadata = request_metadata(rk, topic.get(), timeout_ms);
    if (metadata->topic_cnt != 1) return false;
    const rd_kafka_resp_err_t code = metadata->topics[0].err;
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

}  // namespace

bool is_pattern(const std::string& value) { return !value.empty() && value.front() == '^'; }

void check_pattern(const std::string& value) { const Pattern pattern(value); }

std::optional<std::string> missing_topics(rd_kafka_t* rk, const std::string& value, int timeout_ms) {
    try {
        if (is_pattern(value))
            return topics_matching(rk, value, timeout_ms).empty() ? "no topic matches \"" + value + '"' : "";
        std::string names;
        for (const std::string& topic : topics_of(value)) {
            if (is_missing(rk, topic, timeout_ms)) names += (names.empty() ? "\"" : ", \"") + topic + '"';
        }
        return names.empty() ? names : "there is no topic " + names;
    } catch (const Error&) {
        return std::nullopt;  // the call that cannot do without it reports the error
    }
}

std::vector<std::string> topics_of(const std::string& value) {
    if (is_pattern(value)) return {value};
    std::vector<std::string> topics;
    for (std::size_t begin = 0; begin <= value.size();) {
        const std::size_t end = std::min(value.find(',', begin), value.size());
        std::string topic = value.substr(begin, end - begin);
        topic.erase(0, topic.find_first_not_of(' '));
        topic.erase(topic.find_last_not_of(' ') + 1);
        if (!topic.empty()) topics.push_back(std::move(topic));
        begin = end + 1;
    }
    return topics;
}

std::vector<Range> partitions_of(rd_kafka_t* rk, const std::string& value, std::set<std::string>& names) {
    std::vector<Range> ranges;
    for (const std::string& topic : is_pattern(value) ? topics_matching(rk, value) : topics_of(value)) {
        const std::string* name = &*names.insert(topic).first;
        const int count = partition_count(rk, topic);
        for (int partition = 0; partition < count; ++partition) ranges.push_back({name, partition, 0, 0});
    }
    return ranges;
}

void query_offsets(rd_kafka_t* rk, std::vector<Range>& ranges, std::int64_t time,
                   std::int64_t Range::*bound) {
    if (ranges.empty()) return;
    const List list = list_of(ranges, [&](const Range&) { return time; });
    check(rd_kafka_offsets_for_times(rk, list.get(), request_timeout_ms), "the offsets of a time");
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        const rd_kafka_topic_partition_t& p = list->elems[i];
        check(p.err, "topic \"" + *ranges[i].topic + "\"");
        // Negative: no message is that late. The end was queried before.
        ranges[i].*bound = p.offset >= 0 ? p.offset : ranges[i].end;
    }
}

void skip_committed(rd_kafka_t* rk, std::vector<Range>& ranges) {
    if (ranges.empty()) return;
    const List list = list_of(ranges, [](const Range&) -> std::int64_t { return RD_KAFKA_OFFSET_INVALID; });
    check(rd_kafka_committed(rk, list.get(), request_timeout_ms), "the group's offsets");
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        check(list->elems[i].err, "the group's offsets in topic \"" + *ranges[i].topic + "\"");
        ranges[i].begin = std::max(ranges[i].begin, list->elems[i].offset);
    }
}

}  // namespace volley::kafka
