#include "latencies.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "json_fields.hpp"
#include "text/json_text.hpp"

namespace volley::cli {

namespace {

// The bounds of the engine are a fourth root of 2 apart, from 1 ms on.
constexpr double first_bound = 0.001;
constexpr double steps_per_doubling = 4;

double lower_bound_of(double bound) {
    return bound <= first_bound ? 0 : bound / std::exp2(1 / steps_per_doubling);
}

// How often 1 ms must be doubled to reach it.
int doublings(double bound) {
    if (bound <= first_bound) return 0;
    constexpr double rounding = 1e-6;
    return static_cast<int>(std::ceil(std::log2(bound / first_bound) - rounding));
}

}  // namespace

Latencies Latencies::of(const rapidjson::Value& answer, const std::string& component) {
    Latencies found;
    for (const rapidjson::Value* one : list_of(&answer, "components")) {
        if (string_of(one, "name") != component) continue;
        for (const rapidjson::Value* bucket : list_of(one, "buckets")) {
            const rapidjson::Value* bound = text::member_of(bucket, "up_to_seconds");
            found.add(bound != nullptr && bound->IsNumber() ? bound->GetDouble()
                                                            : std::numeric_limits<double>::infinity(),
                      static_cast<std::uint64_t>(number_of(bucket, "count")));
        }
    }
    return found;
}

Latencies Latencies::since(const Latencies& before) const {
    Latencies out;
    for (const auto& [bound, count] : counts_) {
        const auto then = before.counts_.find(bound);
        const std::uint64_t old = then == before.counts_.end() ? 0 : then->second;
        if (count > old) out.add(bound, count - old);
    }
    return out;
}

std::uint64_t Latencies::count() const {
    std::uint64_t sum = 0;
    for (const auto& [bound, count] : counts_) sum += count;
    return sum;
}

std::optional<double> Latencies::quantile(double share) const {
    const std::uint64_t total = count();
    if (total == 0) return std::nullopt;
    const double wanted = share * static_cast<double>(total);
    double before = 0;
    double last = 0;
    for (const auto& [bound, count] : counts_) {
        const auto here = static_cast<double>(count);
        if (std::isinf(bound)) return last;
        const double low = lower_bound_of(bound);
        if (before + here >= wanted) return low + (bound - low) * (wanted - before) / here;
        before += here;
        last = bound;
    }
    return last;
}

std::vector<std::string> Latencies::histogram(std::size_t width) const {
    std::map<int, std::uint64_t> rows;
    std::uint64_t beyond = 0;
    for (const auto& [bound, count] : counts_) (std::isinf(bound) ? beyond : rows[doublings(bound)]) += count;
    std::uint64_t most = std::max<std::uint64_t>(beyond, 1);
    for (const auto& [row, count] : rows) most = std::max(most, count);
    std::vector<std::string> lines;
    const auto add_line = [&](const std::string& label, std::uint64_t count) {
        const double share = static_cast<double>(count) / static_cast<double>(most);
        auto bar = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
        if (count > 0) bar = std::max<std::size_t>(bar, 1);
        const std::string padding(label.size() < 10 ? 10 - label.size() : 0, ' ');
        lines.push_back(padding + label + "  " + std::string(bar, '#') + std::string(width - bar, ' ') +
                        "  " + with_commas(count));
    };
    if (!rows.empty()) {
        // Rows without messages between others are shown, too.
        for (int row = rows.begin()->first; row <= rows.rbegin()->first; ++row) {
            const auto found = rows.find(row);
            add_line("<= " + shown_latency(first_bound * std::exp2(row)),
                     found == rows.end() ? 0 : found->second);
        }
    }
    if (beyond > 0) add_line("longer", beyond);
    return lines;
}

std::string shown_latency(std::optional<double> seconds) {
    if (!seconds) return "-";
    const double ms = *seconds * 1000;
    char text[32];
    if (ms < 10)
        std::snprintf(text, sizeof text, "%.3g ms", ms);
    else if (ms < 1000)
        std::snprintf(text, sizeof text, "%.0f ms", ms);
    else
        std::snprintf(text, sizeof text, "%.3g s", *seconds);
    return text;
}

std::string with_commas(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
    return text;
}

}  // namespace volley::cli
