#include "operations/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "log/output.hpp"
#include "operations/openmetrics.hpp"
#include "plugins/metrics.hpp"
#include "text/text.hpp"
#include "volley/plugin.h"

namespace volley::operations {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using runtime::ComponentSnapshot;
using Labels = std::vector<ClientMetric::Label>;

constexpr const char* handler_duration = "volley_handler_duration_seconds";
constexpr const char* ack_latency = "volley_ack_latency_seconds";
constexpr std::size_t latency_step = 8;  // each bucket sums up so many of the engine's

MetricFamily family(const char* name, const char* help, MetricType type) {
    MetricFamily f;
    f.name = name;
    f.help = help;
    f.type = type;
    return f;
}

// The metric families of one scrape. Labels are names from the configuration, never contents of messages.
class Families {
public:
    explicit Families(const runtime::EngineSnapshot& s) : snapshot_(s), app_(text::safe(s.app)) {}

    std::vector<MetricFamily> make() {
        engine();
        inputs();
        outputs();
        durations();
        ack_latencies();
        of_plugins();
        return std::move(all_);
    }

private:
    Labels labels(const ComponentSnapshot& c) const {
        return {{"app", app_}, {"component", c.name}, {"queue", c.input}, {"connector", c.connector}};
    }

    static void add(MetricFamily& f, Labels labels, double value) {
        ClientMetric metric;
        metric.label = std::move(labels);
        if (f.type == MetricType::Counter)
            metric.counter.value = value;
        else
            metric.gauge.value = value;
        f.metric.push_back(std::move(metric));
    }

    template <typename Value>
    void each(const char* name, const char* help, MetricType type, Value&& value) {
        MetricFamily f = family(name, help, type);
        for (const ComponentSnapshot& c : snapshot_.components)
            add(f, labels(c), static_cast<double>(value(c)));
        all_.push_back(std::move(f));
    }

    void engine() {
        MetricFamily build = family("volley_build_info", "The running version; always 1", MetricType::Gauge);
        add(build, {{"version", VOLLEY_VERSION}}, 1);
        all_.push_back(std::move(build));
        MetricFamily started =
            family("volley_start_time_seconds", "When the engine started, Unix time", MetricType::Gauge);
        add(started, {{"app", app_}}, snapshot_.started_seconds);
        all_.push_back(std::move(started));
        MetricFamily ready = family("volley_ready", "1 when every component is ready", MetricType::Gauge);
        add(ready, {{"app", app_}}, snapshot_.ready ? 1 : 0);
        all_.push_back(std::move(ready));
        MetricFamily dropped = family("volley_log_lines_dropped_total",
                                      "Log lines that standard error did not accept", MetricType::Counter);
        add(dropped, {{"app", app_}}, static_cast<double>(log::dropped()));
        all_.push_back(std::move(dropped));
        spans();
        reloads();
    }

    void spans() {
        const runtime::SpansSnapshot& s = snapshot_.spans;
        MetricFamily exported =
            family("volley_spans_exported_total", "Spans that the collector took", MetricType::Counter);
        add(exported, {{"app", app_}}, static_cast<double>(s.exported));
        all_.push_back(std::move(exported));
        MetricFamily dropped = family("volley_spans_dropped_total", "Spans that were not exported, by reason",
                                      MetricType::Counter);
        add(dropped, {{"app", app_}, {"reason", "queue_full"}}, static_cast<double>(s.dropped_queue_full));
        add(dropped, {{"app", app_}, {"reason", "refused"}}, static_cast<double>(s.dropped_refused));
        add(dropped, {{"app", app_}, {"reason", "unavailable"}}, static_cast<double>(s.dropped_unavailable));
        all_.push_back(std::move(dropped));
    }

    void reloads() {
        const runtime::ReloadSnapshot& r = snapshot_.reload;
        MetricFamily results =
            family("volley_reloads_total", "Reloads of the configuration by result", MetricType::Counter);
        add(results, {{"app", app_}, {"result", "applied"}}, static_cast<double>(r.applied));
        add(results, {{"app", app_}, {"result", "refused"}}, static_cast<double>(r.refused));
        all_.push_back(std::move(results));
        MetricFamily last =
            family("volley_config_last_reload_successful",
                   "0 if the last reload was refused; 1 also before the first", MetricType::Gauge);
        add(last, {{"app", app_}}, r.state == runtime::ReloadSnapshot::State::refused ? 0 : 1);
        all_.push_back(std::move(last));
        MetricFamily when = family("volley_config_last_reload_success_timestamp_seconds",
                                   "When a configuration was last applied, Unix time", MetricType::Gauge);
        add(when, {{"app", app_}}, r.applied_seconds > 0 ? r.applied_seconds : snapshot_.started_seconds);
        all_.push_back(std::move(when));
    }

    void inputs() {
        each("volley_messages_received_total", "Messages received from the input", MetricType::Counter,
             [](const auto& c) { return c.received; });
        MetricFamily settled =
            family("volley_messages_settled_total", "Settled messages by outcome", MetricType::Counter);
        MetricFamily failures =
            family("volley_message_failures_total", "Failed attempts by reason", MetricType::Counter);
        MetricFamily released =
            family("volley_messages_released_total",
                   "Released messages, which the store delivers again, by reason", MetricType::Counter);
        MetricFamily workers = family("volley_workers", "Workers by state", MetricType::Gauge);
        for (const ComponentSnapshot& c : snapshot_.components) {
            const std::pair<const char*, std::uint64_t> outcomes[] = {{"ok", c.done},
                                                                      {"dead_letter", c.dead},
                                                                      {"dropped", c.dropped},
                                                                      {"requeued", c.requeued},
                                                                      {"released", c.released}};
            for (const auto& [outcome, count] : outcomes) {
                Labels with = labels(c);
                with.push_back({"outcome", outcome});
                add(settled, std::move(with), static_cast<double>(count));
            }
            const std::pair<const char*, std::uint64_t> reasons[] = {{"stop", c.released_by_stop},
                                                                     {"revocation", c.released_by_revocation},
                                                                     {"lease", c.released_by_lease}};
            for (const auto& [reason, count] : reasons) {
                Labels with = labels(c);
                with.push_back({"reason", reason});
                add(released, std::move(with), static_cast<double>(count));
            }
            for (std::size_t i = 1; i < runtime::reason_count; ++i) {
                Labels with = labels(c);
                with.push_back({"reason", runtime::reason_names[i]});
                add(failures, std::move(with), static_cast<double>(c.failures[i]));
            }
            for (const bool busy : {true, false}) {
                Labels with = labels(c);
                with.push_back({"state", busy ? "busy" : "idle"});
                add(workers, std::move(with),
                    static_cast<double>(busy ? c.workers_busy : c.workers - c.workers_busy));
            }
        }
        all_.push_back(std::move(settled));
        all_.push_back(std::move(failures));
        all_.push_back(std::move(released));
        all_.push_back(std::move(workers));
        each("volley_retries_total", "Attempts after the first", MetricType::Counter,
             [](const auto& c) { return c.retries; });
        each("volley_messages_redelivered_total", "Received messages that the store had delivered before",
             MetricType::Counter, [](const auto& c) { return c.redelivered; });
        each("volley_leases_lost_total", "Messages settled too late: another consumer had received them",
             MetricType::Counter, [](const auto& c) { return c.lost; });
        each("volley_possible_duplicates_total",
             "Outputs, and messages with outputs, that can be stored twice", MetricType::Counter,
             [](const auto& c) { return c.possible_duplicates; });
        each("volley_breaker_open", "1 while every message fails and the input is held back",
             MetricType::Gauge, [](const auto& c) { return c.breaker_open ? 1 : 0; });
        each("volley_in_flight_messages", "Messages in hand", MetricType::Gauge,
             [](const auto& c) { return c.in_flight; });
        each("volley_in_flight_bytes", "Bytes of the messages in flight", MetricType::Gauge,
             [](const auto& c) { return c.in_flight_bytes; });
        each("volley_component_ready", "1 when the component is ready", MetricType::Gauge,
             [](const auto& c) { return c.ready ? 1 : 0; });
        each("volley_queue_paused", "1 while the input is held back", MetricType::Gauge,
             [](const auto& c) { return c.paused ? 1 : 0; });
        each("volley_last_success_timestamp_seconds", "When a message was last acked, Unix time",
             MetricType::Gauge, [](const auto& c) { return c.last_success_seconds; });
        restarts();
        backlogs();
        partition_lags();
    }

    void restarts() {
        MetricFamily f = family("volley_worker_restarts_total",
                                "Handler instances or processes that replaced another one, by reason",
                                MetricType::Counter);
        for (const ComponentSnapshot& c : snapshot_.components) {
            for (const bool planned : {false, true}) {
                Labels with = labels(c);
                with.push_back({"reason", planned ? "recycled" : "failed"});
                add(f, std::move(with),
                    static_cast<double>(planned ? c.workers_recycled
                                                : c.worker_restarts - c.workers_recycled));
            }
        }
        all_.push_back(std::move(f));
    }

    void partition_lags() {
        MetricFamily lag =
            family("volley_queue_partition_lag",
                   "Messages behind the committed offset of an assigned partition; of many, the greatest",
                   MetricType::Gauge);
        MetricFamily assigned = family("volley_queue_partitions_assigned",
                                       "Partitions of the input that this process reads", MetricType::Gauge);
        for (const ComponentSnapshot& c : snapshot_.components) {
            if (!c.backlog.lags) continue;
            add(assigned, labels(c), static_cast<double>(c.backlog.lags->assigned));
            for (const runtime::PartitionLag& one : c.backlog.lags->partitions) {
                if (one.lag < 0) continue;
                Labels with = labels(c);
                with.push_back({"source", text::safe(one.source)});
                with.push_back({"partition", std::to_string(one.partition)});
                add(lag, std::move(with), static_cast<double>(one.lag));
            }
        }
        for (MetricFamily* one : {&lag, &assigned}) {
            if (!one->metric.empty()) all_.push_back(std::move(*one));
        }
    }

    // What the stores said when they were last asked. A figure that a store does not give is left out.
    void backlogs() {
        MetricFamily depth = family(
            "volley_queue_depth", "Messages that wait in the input; of a log, the lag of its consumer group",
            MetricType::Gauge);
        MetricFamily delayed = family("volley_queue_delayed_messages",
                                      "Messages of the input that become visible later", MetricType::Gauge);
        MetricFamily oldest = family("volley_queue_oldest_message_age_seconds",
                                     "Age of the oldest message that waits in the input", MetricType::Gauge);
        for (const ComponentSnapshot& c : snapshot_.components) {
            const runtime::BacklogSnapshot& b = c.backlog;
            if (b.ready >= 0) add(depth, labels(c), static_cast<double>(b.ready));
            if (b.delayed >= 0) add(delayed, labels(c), static_cast<double>(b.delayed));
            if (b.oldest_ms >= 0) add(oldest, labels(c), static_cast<double>(b.oldest_ms) / 1000);
        }
        for (MetricFamily* one : {&depth, &delayed, &oldest}) {
            if (!one->metric.empty()) all_.push_back(std::move(*one));
        }
    }

    void outputs() {
        MetricFamily sent =
            family("volley_messages_sent_total", "Outputs confirmed by their store", MetricType::Counter);
        MetricFamily failed =
            family("volley_send_failures_total", "Failed attempts to store an output", MetricType::Counter);
        MetricFamily up =
            family("volley_connector_up", "1 while the output queue accepts records", MetricType::Gauge);
        for (const ComponentSnapshot& c : snapshot_.components) {
            for (const auto& output : c.outputs) {
                Labels with = labels(c);
                with.push_back({"destination", output.queue});
                add(sent, with, static_cast<double>(output.sent));
                add(failed, with, static_cast<double>(output.failed));
                add(up, std::move(with), output.up ? 1 : 0);
            }
        }
        all_.push_back(std::move(sent));
        all_.push_back(std::move(failed));
        all_.push_back(std::move(up));
    }

    void durations() {
        MetricFamily f = family(handler_duration, "Time of handler calls", MetricType::Histogram);
        for (const ComponentSnapshot& c : snapshot_.components) {
            ClientMetric metric;
            metric.label = labels(c);
            std::uint64_t count = 0;
            for (std::size_t i = 0; i < c.handle_seconds.counts.size(); ++i) {
                count += c.handle_seconds.counts[i];
                const bool last = i == runtime::duration_bounds.size();
                metric.histogram.bucket.push_back(
                    {count, last ? std::numeric_limits<double>::infinity() : runtime::duration_bounds[i]});
            }
            metric.histogram.sample_count = count;
            metric.histogram.sample_sum = c.handle_seconds.sum_seconds;
            f.metric.push_back(std::move(metric));
        }
        all_.push_back(std::move(f));
    }

    // A bucket for every second doubling.
    void ack_latencies() {
        MetricFamily f = family(ack_latency, "Time from when a message was stored in the input to its ack",
                                MetricType::Histogram);
        for (const ComponentSnapshot& c : snapshot_.components) {
            const auto counts = c.ack_seconds ? c.ack_seconds->counts : runtime::LatencyCounts{}.counts;
            ClientMetric metric;
            metric.label = labels(c);
            std::uint64_t count = 0;
            for (std::size_t i = 0; i < counts.size(); ++i) {
                count += counts[i];
                const bool last = i == runtime::latency_bounds.size();
                if (!last && i % latency_step != 0) continue;
                metric.histogram.bucket.push_back(
                    {count, last ? std::numeric_limits<double>::infinity() : runtime::latency_bounds[i]});
            }
            metric.histogram.sample_count = count;
            metric.histogram.sample_sum = c.ack_seconds ? c.ack_seconds->sum_seconds : 0;
            f.metric.push_back(std::move(metric));
        }
        all_.push_back(std::move(f));
    }

    // Metrics of connectors and handlers, sorted by name.
    void of_plugins() {
        for (const plugins::MetricSample& sample : plugins::plugin_metrics()) {
            if (all_.back().name != sample.name) {
                const MetricType type = sample.kind == VOLLEY_COUNTER ? MetricType::Counter
                                        : sample.kind == VOLLEY_GAUGE ? MetricType::Gauge
                                                                      : MetricType::Summary;
                all_.push_back(family(sample.name.c_str(), sample.help.c_str(), type));
            }
            ClientMetric metric;
            metric.label.push_back({"app", app_});
            for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
            metric.counter.value = metric.gauge.value = metric.summary.sample_sum = sample.value;
            metric.summary.sample_count = sample.count;
            all_.back().metric.push_back(std::move(metric));
        }
    }

    const runtime::EngineSnapshot& snapshot_;
    const std::string app_;  // may be the file's name: any bytes
    std::vector<MetricFamily> all_;
};

}  // namespace

std::string render_openmetrics(const runtime::EngineSnapshot& snapshot) {
    const auto exemplar = [&](const MetricFamily& family, std::size_t metric,
                              std::size_t bucket) -> const runtime::Exemplar* {
        if (metric >= snapshot.components.size()) return nullptr;
        const ComponentSnapshot& c = snapshot.components[metric];
        if (family.name == handler_duration)
            return bucket < c.handle_exemplars.size() ? &c.handle_exemplars[bucket] : nullptr;
        if (family.name != ack_latency) return nullptr;
        // The longest one of the buckets that this one sums up.
        const std::size_t last = bucket * latency_step;
        for (std::size_t i = std::min(last + 1, c.ack_exemplars.size()); i > 0 && i + latency_step > last + 1;
             --i) {
            if (c.ack_exemplars[i - 1].unix_seconds > 0) return &c.ack_exemplars[i - 1];
        }
        return nullptr;
    };
    return openmetrics_text(Families(snapshot).make(), exemplar);
}

std::string render_metrics(const runtime::EngineSnapshot& snapshot) {
    return prometheus::TextSerializer().Serialize(Families(snapshot).make());
}

}  // namespace volley::operations
