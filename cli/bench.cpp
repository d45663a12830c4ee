#include "bench.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <cstdio>

#include "bench_run.hpp"
#include "config/bind.hpp"
#include "config/diagnostics.hpp"
#include "interrupt.hpp"
#include "queue_access.hpp"
#include "queues/inspection.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

constexpr std::chrono::milliseconds usual_duration{10'000};
constexpr std::size_t most_bytes = 256U << 20U;  // of bodies that are kept in memory

// Returns null after saying what there is.
const ComponentConfig* require_component(const Config& config, const std::string& name) {
    std::string all;
    for (const ComponentConfig& one : config.components) {
        if (one.name == name) return &one;
        all += (all.empty() ? "" : ", ") + one.name;
    }
    say("there is no component \"" + name + "\"; there are " + all);
    return nullptr;
}

// Returns why they cannot be had, or nothing.
std::optional<std::string> read_bodies(const Bench& options, std::vector<std::string>& bodies) {
    Send once = options.load;
    once.count = 1;
    std::size_t bytes = 0;
    const bool readable = for_each_body(once, [&](const std::string& body, std::uint64_t) {
        bytes += body.size();
        bodies.push_back(body);
        return bytes <= most_bytes;
    });
    if (!readable) return "cannot read " + options.load.file;
    if (bytes > most_bytes) return options.load.file + " has more than 256 MiB; give a part of it";
    if (bodies.empty()) return options.load.file + " has no message";
    return std::nullopt;
}

std::int64_t left_in(const volley_stats& stats) {
    return std::max<std::int64_t>(stats.ready, 0) + std::max<std::int64_t>(stats.in_flight, 0) +
           std::max<std::int64_t>(stats.delayed, 0);
}

// "12 wait, 3 are in flight, 2 are delayed"
std::string shown_depth(const volley_stats& stats) {
    std::string text;
    const auto add = [&](std::int64_t count, const char* one, const char* several) {
        if (count > 0)
            text += (text.empty() ? "" : ", ") + with_commas(static_cast<std::uint64_t>(count)) + " " +
                    (count == 1 ? one : several);
    };
    add(stats.ready, "waits", "wait");
    add(stats.in_flight, "is in flight", "are in flight");
    add(stats.delayed, "is delayed", "are delayed");
    return text;
}

// Opens the queue anew, because a consumer that looks may see it as it was.
Result<volley_stats> depth_of(const Config& config, plugins::Catalog& catalog, const QueueConfig& queue) {
    auto inspection = queues::Inspection::open(config, catalog, queue);
    if (!inspection) return inspection.error();
    return inspection->stats();
}

// Returns whether the run may begin; says why not.
bool is_empty_enough(const Bench& options, const Result<volley_stats>& depth, const QueueConfig& queue) {
    if (depth && left_in(*depth) == 0) return true;
    const std::string what =
        depth ? "the queue \"" + queue.name + "\" is not empty: " + shown_depth(*depth)
              : "it is not known whether the queue \"" + queue.name + "\" is empty: " + depth.error().text;
    if (options.mix) {
        std::fprintf(stderr, "%s\n", what.c_str());
        return true;
    }
    say(what + ". These messages would be measured with those of the run; --mix runs nevertheless");
    return false;
}

void write_json(const BenchOutcome& o, const ComponentConfig& component, const QueueConfig& queue,
                const std::string& where, bool was_own, const Result<volley_stats>& left) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
    const auto text = [&](const char* name, const std::string& value) {
        json.Key(name);
        json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    };
    const auto count = [&](const char* name, std::uint64_t value) {
        json.Key(name);
        json.Uint64(value);
    };
    const auto number = [&](const char* name, std::optional<double> value) {
        json.Key(name);
        if (value && std::isfinite(*value))
            json.Double(*value);
        else
            json.Null();
    };
    const auto settled = static_cast<double>(o.settled());
    json.StartObject();
    text("component", component.name);
    text("queue", queue.name);
    text("connector", queue.type);
    text("engine", where);
    json.Key("engine_was_started");
    json.Bool(was_own);
    json.Key("interrupted");
    json.Bool(o.was_interrupted);
    count("sent", o.sent);
    count("refused", o.refused);
    count("settled", o.settled());
    count("ok", o.after.ok - o.before.ok);
    count("dead", o.after.dead - o.before.dead);
    count("dropped", o.after.dropped - o.before.dropped);
    count("retries", o.after.retries - o.before.retries);
    number("seconds", o.seconds);
    number("settled_per_second", settled / o.seconds);
    number("sent_per_second", static_cast<double>(o.sent) / o.sending_seconds);
    json.Key("latency_seconds");
    json.StartObject();
    for (const auto& [name, share] : {std::pair("p50", 0.5), {"p99", 0.99}, {"p99_9", 0.999}})
        number(name, o.latencies.quantile(share));
    json.EndObject();
    json.Key("histogram");
    json.StartArray();
    for (const auto& [bound, messages] : o.latencies.counts()) {
        json.StartObject();
        number("up_to_seconds", bound);
        count("count", messages);
        json.EndObject();
    }
    json.EndArray();
    number("cpu_seconds_per_message",
           o.settled() > 0 ? std::optional(o.cpu_seconds / settled) : std::nullopt);
    count("resident_bytes", o.resident_bytes);
    json.Key("left");
    if (left)
        json.Int64(left_in(*left));
    else
        json.Null();
    json.EndObject();
    print_json({buffer.GetString(), buffer.GetSize()});
}

std::string rate_text(double per_second) {
    return with_commas(static_cast<std::uint64_t>(std::llround(per_second)));
}

void write_text(const BenchOutcome& o, const ComponentConfig& component, const QueueConfig& queue) {
    const std::uint64_t settled = o.settled();
    char text[240];
    std::snprintf(text, sizeof text, ": %s messages settled in %.2f s", with_commas(settled).c_str(),
                  o.seconds);
    print_bytes(component.name + text);
    print_bytes("  rate      " + rate_text(static_cast<double>(settled) / o.seconds) + "/s; sent at " +
                rate_text(static_cast<double>(o.sent) / std::max(o.sending_seconds, 0.001)) + "/s");
    if (o.latencies.count() > 0)
        print_bytes("  latency   p50 " + shown_latency(o.latencies.quantile(0.5)) + ", p99 " +
                    shown_latency(o.latencies.quantile(0.99)) + ", p99.9 " +
                    shown_latency(o.latencies.quantile(0.999)) + ", from storing a message to its ack");
    else if (settled > 0)
        print_bytes("  latency   not known: the store of \"" + queue.name + "\" does not date its messages");
    std::string outcomes = with_commas(o.after.ok - o.before.ok) + " ok";
    const auto add = [&](std::uint64_t count, const char* what) {
        if (count > 0) outcomes += ", " + with_commas(count) + " " + what;
    };
    add(o.after.dead - o.before.dead, "dead letters");
    add(o.after.dropped - o.before.dropped, "dropped");
    add(o.after.retries - o.before.retries, "retries");
    print_bytes("  outcomes  " + outcomes);
    if (settled > 0) {
        std::snprintf(text, sizeof text,
                      "  volleyd   %.2f us of processor time per message, %.0f MiB of memory at most",
                      o.cpu_seconds / static_cast<double>(settled) * 1e6,
                      static_cast<double>(o.resident_bytes) / (1 << 20));
        print_bytes(text);
    }
    constexpr std::size_t bar_width = 40;
    for (const std::string& line : o.latencies.histogram(bar_width)) print_bytes(line);
}

// Says what else there is to know, and returns the exit code.
int tell_rest(const BenchOutcome& o, const QueueConfig& queue, bool was_own,
              const Result<volley_stats>& left) {
    if (o.refused > 0) say(std::to_string(o.refused) + " messages were not sent: " + o.first_refusal);
    if (o.settled() > o.sent)
        say(std::to_string(o.settled() - o.sent) +
            " messages of others were settled in the same time, and are in the figures");
    if (!left)
        say("what is left in \"" + queue.name + "\" is not known: " + left.error().text);
    else if (left_in(*left) > 0)
        say("left in the queue \"" + queue.name + "\": " + shown_depth(*left) +
            (was_own ? "; nothing processes them now" : "; the engine goes on with them"));
    if (!o.stuck.empty()) say("not everything was settled: " + o.stuck);
    if (o.error) return report(*o.error);
    if (o.was_interrupted) return exit_interrupted;
    return o.stuck.empty() && o.refused == 0 ? exit_ok : exit_some_failed;
}

}  // namespace

int bench(const Config& config, plugins::Catalog& catalog, const Bench& options) {
    const ComponentConfig* component = require_component(config, options.component);
    if (component == nullptr) return exit_usage;
    const QueueConfig* queue = require_queue(config, component->input);
    if (queue == nullptr) return exit_usage;
    if (queue->type == "memory") {
        say("the queue \"" + queue->name +
            "\" is in the memory of volleyd: nothing can be sent to it from another process");
        return exit_usage;
    }
    auto duration = options.duration.empty() ? std::optional(std::chrono::milliseconds(0))
                                             : config::parse_duration(options.duration);
    if (!duration || (duration->count() == 0 && !options.duration.empty())) {
        say("--duration: " + config::in_quotes(options.duration) + " is no duration such as 30s");
        return exit_usage;
    }
    if (options.duration.empty() && options.load.count == 0) duration = usual_duration;
    std::vector<std::string> bodies;
    if (const auto wrong = read_bodies(options, bodies)) {
        say(*wrong);
        return exit_usage;
    }
    auto maker = MessageMaker::make(config, catalog, *queue, options.load);
    if (!maker) return report(maker.error());
    note_interrupts();
    if (!is_empty_enough(options, depth_of(config, catalog, *queue), *queue)) return exit_unmet;
    int code = exit_ok;
    auto engine = BenchEngine::reach(config, options.config_file, options.address, options.plugin_dirs, code);
    if (!engine) return code;
    auto outbox = queues::Outbox::open(config, catalog, *queue);
    if (!outbox) return report(outbox.error());
    const std::string where = engine->where();
    std::string outputs;
    for (const std::string& output : component->outputs) outputs += (outputs.empty() ? "" : ", ") + output;
    std::fprintf(stderr, "messages go through %s and the handler of %s%s\n", queue->name.c_str(),
                 component->name.c_str(), outputs.empty() ? "" : (" into " + outputs).c_str());

    const BenchOutcome outcome =
        BenchRun(options, *duration, *engine, component->name, std::move(*maker), std::move(*outbox))
            .run(bodies);
    const bool was_own = engine->is_own();
    const auto wrong_end = engine->stop();
    auto left = depth_of(config, catalog, *queue);
    // On a log the offsets are committed a little later than the messages are settled.
    constexpr int tries = 10;
    const bool is_done = !outcome.error && outcome.settled() >= outcome.sent;
    for (int i = 0; i < tries && is_done && left && left_in(*left) > 0 && !options.mix; ++i) {
        if (wait_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(200))) break;
        left = depth_of(config, catalog, *queue);
    }
    if (options.json)
        write_json(outcome, *component, *queue, where, was_own, left);
    else if (!outcome.error)
        write_text(outcome, *component, *queue);
    code = tell_rest(outcome, *queue, was_own, left);
    if (wrong_end) {
        say(*wrong_end);
        return code == exit_ok ? exit_some_failed : code;
    }
    return code;
}

}  // namespace volley::cli
