#include "operations/rates.hpp"

#include <numeric>

namespace volley::operations {

namespace {

constexpr std::size_t most_samples = 11;

// A component that was replaced begins at 0 again.
double rate(std::uint64_t now, std::uint64_t then, double seconds) {
    return now < then ? 0 : static_cast<double>(now - then) / seconds;
}

using Buckets = decltype(runtime::Histogram::counts);

Buckets difference(const Buckets& now, const Buckets& then) {
    Buckets between{};
    for (std::size_t i = 0; i < now.size(); ++i) {
        if (now[i] < then[i]) return now;  // a component that was replaced
        between[i] = now[i] - then[i];
    }
    return between;
}

// Assumes that the values of a bucket are spread evenly. Those of the last bucket count as its lower bound.
double quantile(const Buckets& counts, double share) {
    const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
    if (total == 0) return -1;
    double before = 0;
    for (std::size_t i = 0; i < runtime::duration_bounds.size(); ++i) {
        const auto here = static_cast<double>(counts[i]);
        if (before + here >= share * total) {
            const double low = i == 0 ? 0 : runtime::duration_bounds[i - 1];
            return low + (runtime::duration_bounds[i] - low) * (share * total - before) / here;
        }
        before += here;
    }
    return runtime::duration_bounds.back();
}

}  // namespace

Rates::Counts Rates::counts_of(const runtime::ComponentSnapshot& c) {
    Counts counts{c.received, c.done, std::accumulate(c.failures.begin(), c.failures.end(), std::uint64_t{0}),
                  c.dead,     {},     c.handle_seconds};
    for (const auto& output : c.outputs) {
        counts.sent[output.queue] = output.sent;
        counts.failed += output.failed;
    }
    return counts;
}

void Rates::add(const runtime::EngineSnapshot& snapshot, double seconds) {
    Sample sample;
    sample.seconds = seconds;
    for (const auto& component : snapshot.components)
        sample.components.emplace(component.name, counts_of(component));
    samples_.push_back(std::move(sample));
    if (samples_.size() > most_samples) samples_.pop_front();
}

ComponentRates Rates::of(const runtime::ComponentSnapshot& component, double seconds) const {
    ComponentRates rates;
    rates.sent.assign(component.outputs.size(), 0);
    constexpr double shortest = 0.5;  // seconds: a rate over less says nothing
    for (const Sample& sample : samples_) {
        const auto then = sample.components.find(component.name);
        if (then == sample.components.end()) continue;
        const double time = seconds - sample.seconds;
        if (time < shortest) break;
        const Counts now = counts_of(component);
        rates.received = rate(now.received, then->second.received, time);
        rates.done = rate(now.done, then->second.done, time);
        rates.failed = rate(now.failed, then->second.failed, time);
        rates.dead = rate(now.dead, then->second.dead, time);
        const Buckets handled = difference(now.handle_seconds.counts, then->second.handle_seconds.counts);
        rates.p50_seconds = quantile(handled, 0.5);
        rates.p99_seconds = quantile(handled, 0.99);
        for (std::size_t i = 0; i < component.outputs.size(); ++i) {
            const auto sent = then->second.sent.find(component.outputs[i].queue);
            if (sent != then->second.sent.end())
                rates.sent[i] = rate(component.outputs[i].sent, sent->second, time);
        }
        break;
    }
    return rates;
}

}  // namespace volley::operations
