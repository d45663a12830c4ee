// librdkafka's statistics (statistics.interval.ms), and the readiness and metrics derived from them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "volley/abi.hpp"

namespace volley::kafka {

struct PartitionStatistics {
    std::string topic;
    std::int32_t partition = -1;
    std::int64_t begin = -1;  // the low watermark; negative: unknown
    std::int64_t end = -1;    // the last stable offset as of the last fetch; negative: unknown
    bool has_leader = true;
};

struct Statistics {
    std::int64_t queued_messages = 0;  // a producer's, not confirmed yet
    std::int64_t queued_bytes = 0;
    std::uint32_t brokers_up = 0;
    std::int64_t pending_requests = 0;  // without a response
    std::int64_t idle_ms = 0;           // since any broker sent anything
    std::vector<PartitionStatistics> partitions;
};

// Returns an empty one if `json` is not valid JSON.
Statistics read_statistics(std::string_view json);

// Reports to the engine when Kafka becomes unavailable or available. Not thread-safe: one thread polls a
// client.
class Health {
public:
    // `timeout_ms`: how long requests may go without any response.
    Health(const Context& context, std::int64_t timeout_ms) : context_(context), timeout_ms_(timeout_ms) {}
    // `needed`: the client has something to send or to receive. An idle producer closes its connections,
    // which is not a fault. `cause`: librdkafka's last error.
    void update(const Statistics& now, bool needed, const std::string& cause);
    // The current problem with the queue's topic; empty: none.
    void set_missing(const std::string& what);
    bool is_missing() const { return !missing_.empty(); }
    bool is_connected() const { return outage_.empty(); }

private:
    void publish(const std::string& before);
    const std::string& reason() const { return outage_.empty() ? missing_ : outage_; }

    const Context& context_;
    std::int64_t timeout_ms_;
    std::string outage_;
    std::string missing_;
};

// The metrics of one client. `topic` and `partition` become labels if they are given.
class Metrics {
public:
    explicit Metrics(const Context& context) : host_(context.host()) {}
    void set(const char* name, const char* help, double value, std::string_view topic = {},
             std::int32_t partition = -1);
    void add(const char* name, const char* help, double value);

private:
    volley_metric* find(std::uint32_t kind, const char* name, const char* help, std::string_view topic,
                        std::int32_t partition);
    const volley_host* host_;
    std::map<std::string, volley_metric*> known_;
};

}  // namespace volley::kafka
