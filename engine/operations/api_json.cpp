#include "operations/api_json.hpp"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "operations/api.hpp"
#include "operations/json.hpp"
#include "operations/process_use.hpp"

namespace volley::operations {

namespace {

using runtime::ComponentSnapshot;
using runtime::EngineSnapshot;

double unix_seconds() {
    using namespace std::chrono;
    return duration<double>(system_clock::now().time_since_epoch()).count();
}

const char* state_of(const EngineSnapshot& s) {
    if (s.draining) return "draining";
    if (s.ready) return "running";
    for (const ComponentSnapshot& c : s.components)
        if (c.cause != "starting" && !c.ready) return "stalled";
    return "starting";
}

const char* name_of(runtime::ReloadSnapshot::State state) {
    constexpr const char* names[] = {"none", "running", "applied", "refused"};
    return names[static_cast<std::size_t>(state)];
}

void write_reload(Json& json, const runtime::ReloadSnapshot& r) {
    json.open("reload")
        .text("state", name_of(r.state))
        .count("number", r.number)
        .text_or_null("text", r.text)
        .time("ended_at", r.ended_seconds)
        .close();
}

void write_readiness(Json& json, const ComponentSnapshot& c) {
    json.text("name", c.name)
        .yes("ready", c.ready)
        .text_or_null("cause", c.cause)
        .text_or_null("why", c.why_not_ready)
        .time("since", c.since_seconds);
}

void write_status(Json& json, const EngineSnapshot& s) {
    json.text("app", s.app)
        .text("version", VOLLEY_VERSION)
        .text("state", state_of(s))
        .yes("ready", s.ready)
        .text_or_null("file", s.file)
        .number("started_at", s.started_seconds)
        .number("uptime_seconds", unix_seconds() - s.started_seconds)
        .open("log")
        .text("level", s.log_level)
        .time("until", s.log_level_until_seconds)
        .close();
    write_reload(json, s.reload);
    const ProcessUse use = process_use();
    json.open("process")
        .count("pid", static_cast<std::uint64_t>(use.pid))
        .number("cpu_seconds", use.cpu_seconds)
        .count("resident_bytes", use.resident_bytes)
        .close();
}

void write_outputs(Json& json, const ComponentSnapshot& c, const ComponentRates& rates) {
    json.list("outputs");
    for (std::size_t i = 0; i < c.outputs.size(); ++i) {
        const auto& output = c.outputs[i];
        json.open()
            .text("queue", output.queue)
            .text("connector", output.connector)
            .yes("is_dead_letter_queue", output.is_dead_letters)
            .yes("up", output.up)
            .count("sent", output.sent)
            .count("failed", output.failed)
            .number("sent_per_second", rates.sent[i])
            .text_or_null("last_error", output.last_error)
            .close();
    }
    json.end_list();
}

void write_retrying(Json& json, const ComponentSnapshot& c) {
    json.list("retrying");
    for (const auto& one : c.retrying) {
        json.open()
            .text("message", one.message)
            .known("partition", one.partition)
            .text("waits_for", one.waits_for)
            .count("attempts", one.attempt)
            .number("next_try_at", one.next_try_seconds)
            .text("error", one.error)
            .close();
    }
    json.end_list();
}

// Null if it is not known: negative.
void write_duration(Json& json, const char* name, double seconds) {
    if (seconds < 0)
        json.null(name);
    else
        json.number(name, seconds);
}

void write_component(Json& json, const ComponentSnapshot& c, const Rates& all_rates, double now) {
    const ComponentRates rates = all_rates.of(c, now);
    json.open();
    write_readiness(json, c);
    json.text("input", c.input)
        .text("connector", c.connector)
        .yes("paused", c.paused_by_operator)
        .yes("held_back", c.paused)
        .yes("breaker_open", c.breaker_open)
        .count("workers", c.workers)
        .count("workers_busy", c.workers_busy)
        .count("workers_used", c.limits.workers == 0 ? c.workers : std::min(c.limits.workers, c.workers))
        .time("workers_until", c.limits.workers_until_seconds)
        .known("rate_limit", c.limits.per_second == 0 ? -1 : std::int64_t{c.limits.per_second})
        .time("rate_limit_until", c.limits.per_second_until_seconds)
        .count("worker_restarts", c.worker_restarts)
        .count("workers_recycled", c.workers_recycled)
        .count("concurrency", c.concurrency)
        .count("in_flight", c.in_flight)
        .count("in_flight_bytes", c.in_flight_bytes)
        .time("last_success_at", c.last_success_seconds)
        .open("counters")
        .count("received", c.received)
        .count("done", c.done)
        .count("dead", c.dead)
        .count("dropped", c.dropped)
        .count("requeued", c.requeued)
        .count("released", c.released)
        .count("retries", c.retries)
        .count("redelivered", c.redelivered)
        .close()
        .open("failures");
    for (std::size_t i = 1; i < runtime::reason_count; ++i)
        json.count(runtime::reason_names[i], c.failures[i]);
    json.close()
        .open("per_second")
        .number("received", rates.received)
        .number("done", rates.done)
        .number("failed", rates.failed)
        .number("dead", rates.dead)
        .close()
        .open("handler_seconds");
    write_duration(json, "p50", rates.p50_seconds);
    write_duration(json, "p99", rates.p99_seconds);
    json.close();
    write_outputs(json, c, rates);
    write_retrying(json, c);
    json.close();
}

void write_components(Json& json, const EngineSnapshot& s, const Rates& rates, double now) {
    json.list("components");
    for (const ComponentSnapshot& c : s.components) write_component(json, c, rates, now);
    json.end_list();
}

void write_partitions(Json& json, const runtime::BacklogSnapshot& backlog) {
    if (!backlog.lags) {
        json.null("partitions_assigned").null("partitions");
        return;
    }
    json.count("partitions_assigned", backlog.lags->assigned).list("partitions");
    for (const runtime::PartitionLag& one : backlog.lags->partitions) {
        json.open()
            .text_or_null("source", one.source)
            .known("partition", one.partition)
            .known("lag", one.lag)
            .close();
    }
    json.end_list();
}

void write_queues(Json& json, const EngineSnapshot& s) {
    json.list("queues");
    for (const ComponentSnapshot& c : s.components) {
        json.open()
            .text("name", c.input)
            .text("connector", c.connector)
            .text("component", c.name)
            .known("ready", c.backlog.ready)
            .known("in_flight", c.backlog.in_flight)
            .known("delayed", c.backlog.delayed)
            .known("dead", c.backlog.dead);
        if (c.backlog.oldest_ms < 0)
            json.null("oldest_seconds");
        else
            json.number("oldest_seconds", static_cast<double>(c.backlog.oldest_ms) / 1000);
        write_partitions(json, c.backlog);
        json.time("asked_at", c.backlog.asked_seconds).close();
    }
    json.end_list();
}

void write_lines(Json& json, const std::vector<log::Recent>& lines) {
    json.list("lines");
    for (const log::Recent& line : lines)
        json.open()
            .number("at", line.seconds)
            .text("level", log::name_of(line.level))
            .text("text", line.text)
            .close();
    json.end_list();
}

}  // namespace

std::string error_body(const std::string& text) { return Json().open().text("error", text).close().body(); }

std::string status_json(const EngineSnapshot& snapshot) {
    Json json;
    json.open();
    write_status(json, snapshot);
    json.list("components");
    for (const ComponentSnapshot& c : snapshot.components) {
        json.open();
        write_readiness(json, c);
        json.close();
    }
    return json.end_list().close().body();
}

std::string components_json(const EngineSnapshot& snapshot, const Rates& rates, double now) {
    Json json;
    json.open();
    write_components(json, snapshot, rates, now);
    return json.close().body();
}

std::string component_json(const ComponentSnapshot& component, const Rates& rates, double now) {
    Json json;
    write_component(json, component, rates, now);
    return json.body();
}

std::string queues_json(const EngineSnapshot& snapshot) {
    Json json;
    json.open();
    write_queues(json, snapshot);
    return json.close().body();
}

std::string in_flight_json(const EngineSnapshot& snapshot) {
    Json json;
    json.open().list("components");
    for (const ComponentSnapshot& c : snapshot.components) {
        const runtime::InFlightList none;
        const runtime::InFlightList& list = c.in_flight_list ? *c.in_flight_list : none;
        json.open()
            .text("name", c.name)
            .time("made_at", list.made_seconds)
            .count("total", list.total)
            .list("messages");
        for (const runtime::InFlightSnapshot& one : list.messages) {
            json.open()
                .text("message", one.message)
                .known("partition", one.partition)
                .text("state", one.state)
                .count("attempt", one.attempt)
                .known("worker", one.worker)
                .number("age_seconds", std::max(list.made_seconds - one.received_seconds, 0.0));
            if (one.lease_until_seconds > 0)
                json.number("lease_left_seconds", one.lease_until_seconds - list.made_seconds);
            else
                json.null("lease_left_seconds");
            json.close();
        }
        json.end_list().close();
    }
    return json.end_list().close().body();
}

std::string latencies_json(const EngineSnapshot& snapshot) {
    Json json;
    json.open().list("components");
    for (const ComponentSnapshot& c : snapshot.components) {
        const auto& counts = c.ack_seconds ? *c.ack_seconds : runtime::LatencyCounts{};
        json.open().text("name", c.name).number("sum_seconds", counts.sum_seconds).list("buckets");
        for (std::size_t i = 0; i < counts.counts.size(); ++i) {
            if (counts.counts[i] == 0) continue;
            json.open();
            if (i < runtime::latency_bounds.size())
                json.number("up_to_seconds", runtime::latency_bounds[i]);
            else
                json.null("up_to_seconds");
            json.count("count", counts.counts[i]).close();
        }
        json.end_list().close();
    }
    return json.end_list().close().body();
}

std::string configuration_json(const Configuration& configuration) {
    Json json;
    json.open().list("values");
    for (const Configuration::Value& one : configuration.values)
        json.open().text("path", one.path).text("value", one.value).text("origin", one.origin).close();
    return json.end_list().text("text", configuration.text).close().body();
}

std::string lines_json(const std::vector<log::Recent>& lines) {
    Json json;
    json.open();
    write_lines(json, lines);
    return json.close().body();
}

std::string everything_json(const EngineSnapshot& snapshot, const Rates& rates, double now) {
    Json json;
    json.open().open("status");
    write_status(json, snapshot);
    json.close();
    write_components(json, snapshot, rates, now);
    write_queues(json, snapshot);
    write_lines(json, log::recent());
    return json.close().line();
}

}  // namespace volley::operations
