// How long messages took, in the buckets of the API. Pure; any thread.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace volley::cli {

class Latencies {
public:
    // Of one component, in what the API answers to `latencies`; empty if it is not there.
    static Latencies of(const rapidjson::Value& answer, const std::string& component);

    // Adds messages that took up to `seconds`.
    void add(double up_to_seconds, std::uint64_t count) { counts_[up_to_seconds] += count; }
    // What has come since. Requires: `before` is of the same component, and earlier.
    Latencies since(const Latencies& before) const;
    std::uint64_t count() const;
    // The time that this share of the messages did not exceed, in seconds, estimated within its bucket;
    // nothing if there are no messages.
    std::optional<double> quantile(double share) const;
    // Lines of text, one for each doubling: "    4 ms  ########  1,024".
    std::vector<std::string> histogram(std::size_t width) const;
    const std::map<double, std::uint64_t>& counts() const { return counts_; }

private:
    std::map<double, std::uint64_t> counts_;  // by the upper bound in seconds, which can be infinite
};

// "0.8 ms", "41 ms", "1.25 s"; "-" for nothing.
std::string shown_latency(std::optional<double> seconds);
// "12,195"
std::string with_commas(std::uint64_t number);

}  // namespace volley::cli
