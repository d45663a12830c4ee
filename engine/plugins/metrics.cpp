#include "plugins/metrics.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "log/log.hpp"
#include "plugins/metrics_registry.hpp"
#include "text/text.hpp"

// The ABI's opaque type: only the engine knows its layout.
struct volley_metric {
    std::uint32_t kind = VOLLEY_GAUGE;
    std::string help;
    std::atomic<double> value{0};
    std::atomic<std::uint64_t> count{0};
};

namespace volley::plugins {

namespace {

// Without a limit, a label with unbounded values would exhaust memory.
constexpr std::size_t most_metrics = 10'000;

struct Registry {
    std::mutex mutex;
    std::map<std::string, std::uint32_t> kinds;
    std::map<std::pair<std::string, Labels>, std::unique_ptr<volley_metric>> metrics;
    volley_metric unlisted;
    bool warned = false;
};

// Never destroyed: plugin threads may outlive main.
Registry& registry() {
    static Registry& r = *new Registry;
    return r;
}

std::string with_underscores(std::string_view name) {
    std::string out(name);
    for (char& c : out) {
        const bool fits =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!fits) c = '_';
    }
    return out;
}

// A single label that Prometheus cannot parse makes it reject all metrics.
Labels readable(const Labels& labels) {
    Labels out;
    for (const auto& [given, value] : labels) {
        std::string name = with_underscores(given);
        const bool is_digit = !name.empty() && name.front() >= '0' && name.front() <= '9';
        if (name.empty() || is_digit) name.insert(0, 1, '_');
        if (name.rfind("__", 0) == 0 || name == "app")
            name.insert(0, "plugin");  // reserved by Prometheus, and by the engine
        const bool taken =
            std::any_of(out.begin(), out.end(), [&](const auto& label) { return label.first == name; });
        if (!taken) out.emplace_back(std::move(name), text::safe(value));
    }
    return out;
}

volley_metric* refuse(Registry& r, std::string_view name, std::string_view why) {
    if (!r.warned) log::warning("a plugin's metric is not shown", {{"metric", name}, {"cause", why}});
    r.warned = true;
    return &r.unlisted;
}

}  // namespace

volley_metric* find_or_make_metric(std::uint32_t kind, std::string name, std::string help, Labels labels) {
    Registry& r = registry();
    name = "volley_plugin_" + with_underscores(name);
    help = text::safe(help);
    labels = readable(labels);
    const bool known_kind = kind == VOLLEY_COUNTER || kind == VOLLEY_GAUGE || kind == VOLLEY_HISTOGRAM;
    const std::lock_guard lock(r.mutex);
    if (!known_kind) return refuse(r, name, "there is no such kind of metric");
    const auto key = std::make_pair(std::move(name), std::move(labels));
    if (const auto it = r.metrics.find(key); it != r.metrics.end() && it->second->kind == kind)
        return it->second.get();
    const auto [known, is_new] = r.kinds.try_emplace(key.first, kind);
    if (!is_new && known->second != kind)
        return refuse(r, key.first, "its name is in use for another kind of metric");
    if (r.metrics.size() >= most_metrics)
        return refuse(r, key.first, "there are 10,000 already; use fewer label values");
    auto metric = std::make_unique<volley_metric>();
    metric->kind = kind;
    metric->help = std::move(help);
    return r.metrics.emplace(key, std::move(metric)).first->second.get();
}

void add_to_metric(volley_metric* metric, double value) noexcept {
    if (metric == nullptr) return;
    double seen = metric->value.load(std::memory_order_relaxed);
    while (!metric->value.compare_exchange_weak(seen, seen + value, std::memory_order_relaxed)) {
    }
    metric->count.fetch_add(1, std::memory_order_relaxed);
}

void set_metric(volley_metric* metric, double value) noexcept {
    if (metric != nullptr) metric->value.store(value, std::memory_order_relaxed);
}

std::vector<MetricSample> plugin_metrics() {
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    std::vector<MetricSample> out;
    out.reserve(r.metrics.size());
    for (const auto& [key, metric] : r.metrics)
        out.push_back({metric->kind, key.first, metric->help, key.second,
                       metric->value.load(std::memory_order_relaxed),
                       metric->count.load(std::memory_order_relaxed)});
    return out;
}

}  // namespace volley::plugins
