#include "statistics.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <limits>

namespace volley::kafka {

namespace {

using rapidjson::Value;

std::int64_t number(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    return found != object.MemberEnd() && found->value.IsInt64() ? found->value.GetInt64() : 0;
}

const Value* object_at(const Value& object, const char* name) {
    const auto found = object.FindMember(name);
    return found != object.MemberEnd() && found->value.IsObject() ? &found->value : nullptr;
}

void read_brokers(const Value& brokers, Statistics& out) {
    constexpr std::int64_t us_per_ms = 1000;
    out.idle_ms = std::numeric_limits<std::int64_t>::max();
    for (const auto& broker : brokers.GetObject()) {
        const auto state = broker.value.FindMember("state");
        if (state == broker.value.MemberEnd() || std::string_view(state->value.GetString()) != "UP") continue;
        ++out.brokers_up;
        out.pending_requests += number(broker.value, "waitresp_cnt");
        out.idle_ms = std::min(out.idle_ms, number(broker.value, "rxidle") / us_per_ms);
    }
}

void read_topics(const Value& topics, Statistics& out) {
    for (const auto& topic : topics.GetObject()) {
        const Value* partitions = object_at(topic.value, "partitions");
        if (partitions == nullptr) continue;
        for (const auto& partition : partitions->GetObject()) {
            PartitionStatistics p;
            p.topic = topic.name.GetString();
            p.partition = static_cast<std::int32_t>(number(partition.value, "partition"));
            p.begin = number(partition.value, "lo_offset");
            // Messages of transactions that are still open are not delivered.
            p.end = number(partition.value, "ls_offset");
            p.has_leader = number(partition.value, "leader") >= 0;
            if (p.partition >= 0) out.partitions.push_back(std::move(p));
        }
    }
}

}  // namespace

Statistics read_statistics(std::string_view json) {
    Statistics out;
    rapidjson::Document document;
    document.Parse(json.data(), json.size());
    if (!document.IsObject()) return out;
    out.queued_messages = number(document, "msg_cnt");
    out.queued_bytes = number(document, "msg_size");
    if (const Value* brokers = object_at(document, "brokers")) read_brokers(*brokers, out);
    if (const Value* topics = object_at(document, "topics")) read_topics(*topics, out);
    return out;
}

void Health::update(const Statistics& now, bool needed, const std::string& cause) {
    const bool unreachable = needed && now.brokers_up == 0;
    const bool unresponsive = now.brokers_up > 0 && now.pending_requests > 0 && now.idle_ms > timeout_ms_;
    const bool up = !unreachable && !unresponsive;
    if (up == outage_.empty()) return;
    const std::string before = reason();
    outage_.clear();
    if (!up) {
        outage_ = unresponsive ? "Kafka does not respond" : "Kafka cannot be reached";
        if (!cause.empty() && !unresponsive) outage_ += ": " + cause;
    }
    publish(before);
}

void Health::set_missing(const std::string& what) {
    const std::string before = reason();
    missing_ = what;
    publish(before);
}

void Health::publish(const std::string& before) {
    const std::string& now = reason();
    if (now == before) return;
    if (now.empty()) return context_.health(VOLLEY_UP, "");
    context_.warning(now);
    context_.health(VOLLEY_DOWN, now);
}

volley_metric* Metrics::find(std::uint32_t kind, const char* name, const char* help, std::string_view topic,
                             std::int32_t partition) {
    const std::string number = partition >= 0 ? std::to_string(partition) : "";
    std::string id = std::string(name) + ' ' + std::string(topic) + ' ' + number;
    const auto found = known_.find(id);
    if (found != known_.end()) return found->second;
    const volley_header labels[] = {{volley_text("topic"), view_of(topic)},
                                    {volley_text("partition"), view_of(number)}};
    volley_metric* metric = host_->metric(host_, kind, name, help, labels, partition >= 0 ? 2 : 0);
    known_.emplace(std::move(id), metric);
    return metric;
}

void Metrics::set(const char* name, const char* help, double value, std::string_view topic,
                  std::int32_t partition) {
    host_->metric_set(find(VOLLEY_GAUGE, name, help, topic, partition), value);
}

void Metrics::add(const char* name, const char* help, double value) {
    host_->metric_add(find(VOLLEY_COUNTER, name, help, {}, -1), value);
}

}  // namespace volley::kafka
