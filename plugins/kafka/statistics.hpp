// What librdkafka counts, read from its statistics (statistics.interval.ms), and where it goes: readiness and
// metrics.
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
    std::int64_t end = -1;    // of the last fetch: where nothing is left to read yet; negative: unknown
    bool has_leader = true;
};

struct Statistics {
    std::int64_t queued_messages = 0;  // a producer's: not confirmed yet
    std::int64_t queued_bytes = 0;
    std::uint32_t brokers_up = 0;
    std::int64_t unanswered = 0;  // requests
    std::int64_t silent_ms = 0;   // since any broker said anything
    std::vector<PartitionStatistics> partitions;
};

// An empty one if `json` is no JSON.
Statistics read_statistics(std::string_view json);

// Tells the engine when Kafka stops or starts to answer. Not thread-safe: one thread a client has its
// statistics.
class Health {
public:
    // `patience_ms`: how long requests may go without any answer.
    Health(const Context& context, std::int64_t patience_ms) : context_(context), patience_ms_(patience_ms) {}
    // `needed`: the client has something to say or to hear. Idle producers close their connections, and that
    // is no fault. `cause`: what librdkafka last complained of.
    void judge(const Statistics& now, bool needed, const std::string& cause);
    // What the queue's topic lacks, as long as it does; empty: nothing.
    void lacks(const std::string& what);
    bool is_lacking() const { return !lack_.empty(); }
    bool is_connected() const { return outage_.empty(); }

private:
    void tell(const std::string& before);
    const std::string& reason() const { return outage_.empty() ? lack_ : outage_; }

    const Context& context_;
    std::int64_t patience_ms_;
    std::string outage_;
    std::string lack_;
};

// A metric of this client; `topic` and `partition` are labels where they are given.
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
