#include "queues.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>

#include "queue_access.hpp"
#include "queues/inspection.hpp"
#include "table.hpp"

namespace volley::cli {

namespace {

std::string number(std::int64_t value) { return value < 0 ? "-" : std::to_string(value); }

// "3.2 s", "15 min", "2.0 h": one unit, as a person would say it.
std::string age(std::int64_t milliseconds) {
    if (milliseconds < 0) return "-";
    const double seconds = static_cast<double>(milliseconds) / 1000;
    char text[32];
    if (seconds < 120)
        std::snprintf(text, sizeof text, "%.1f s", seconds);
    else if (seconds < 7200)
        std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
    else if (seconds < 48 * 3600)
        std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
    else
        std::snprintf(text, sizeof text, "%.0f d", seconds / 86400);
    return text;
}

void print_json(const QueueConfig& queue, const volley_stats& stats) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    const auto count = [&](const char* name, std::int64_t value) {
        writer.Key(name);
        if (value < 0)
            writer.Null();
        else
            writer.Int64(value);
    };
    writer.StartObject();
    writer.Key("queue");
    writer.String(queue.name.c_str());
    writer.Key("type");
    writer.String(queue.type.c_str());
    count("ready", stats.ready);
    count("in_flight", stats.in_flight);
    count("delayed", stats.delayed);
    count("oldest_ms", stats.oldest_ms);
    writer.EndObject();
    std::printf("%s\n", buffer.GetString());
}

}  // namespace

int list_queues(const Config& config, plugins::Catalog& catalog, const Queues& options) {
    std::vector<const QueueConfig*> wanted;
    for (const std::string& name : options.names) {
        wanted.push_back(require_queue(config, name));
        if (wanted.back() == nullptr) return exit_usage;
    }
    if (wanted.empty()) {
        for (const QueueConfig& queue : config.queues) wanted.push_back(&queue);
    }
    int code = exit_ok;
    std::vector<std::vector<std::string>> rows{{"QUEUE", "TYPE", "READY", "IN FLIGHT", "DELAYED", "OLDEST"}};
    for (const QueueConfig* queue : wanted) {
        auto inspection = queues::Inspection::open(config, catalog, *queue);
        auto stats = inspection ? inspection->stats() : Result<volley_stats>(inspection.error());
        if (!stats) {
            // What cannot be asked does not hide the others.
            code = report(Error(stats.error().code, queue->name + ": " + stats.error().text));
            stats = volley_stats{sizeof(volley_stats), 0, -1, -1, -1, -1, -1};
        }
        if (options.json)
            print_json(*queue, *stats);
        else
            rows.push_back({queue->name, queue->type.empty() ? "-" : queue->type, number(stats->ready),
                            number(stats->in_flight), number(stats->delayed), age(stats->oldest_ms)});
    }
    if (!options.json) print_table(rows);
    return code;
}

int purge(const Config& config, plugins::Catalog& catalog, const Purge& options) {
    const QueueConfig* queue = require_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    auto inspection = queues::Inspection::open(config, catalog, *queue);
    if (!inspection) return report(inspection.error());
    if (!options.yes) {
        const auto stats = inspection->stats();
        if (!stats) return report(stats.error());
        std::fprintf(stderr, "volley: this deletes the %s messages that wait in %s, for good; say --yes\n",
                     number(stats->ready).c_str(), queue->name.c_str());
        return exit_usage;
    }
    const auto removed = inspection->purge();
    if (!removed) return report(removed.error());
    std::fprintf(stderr, "%llu deleted from %s\n", static_cast<unsigned long long>(*removed),
                 queue->name.c_str());
    return exit_ok;
}

}  // namespace volley::cli
