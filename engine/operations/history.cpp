#include "operations/history.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "text/text.hpp"
#include "volley/plugin.h"

namespace volley::operations {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;
using Reload = runtime::ReloadSnapshot::State;

constexpr std::size_t most_marks = 50;

void write_text(Writer& writer, std::string_view text) {
    const std::string shown = text::safe(text);
    writer.String(shown.data(), static_cast<rapidjson::SizeType>(shown.size()));
}

// Four significant digits at most, because a point is read by eye. Negative: not known.
void write_rounded(Writer& writer, double value) {
    if (value < 0) {
        writer.Null();
        return;
    }
    if (value == 0) {
        writer.Uint(0);
        return;
    }
    const double scale = std::pow(10, 3 - std::floor(std::log10(value)));
    writer.Double(std::round(value * scale) / scale);
}

// One array of a property of all points.
template <typename Points, typename Write>
void write_series(Writer& writer, const char* name, const Points& points, Write write) {
    writer.Key(name);
    writer.StartArray();
    for (const auto& point : points) write(point);
    writer.EndArray();
}

}  // namespace

void History::add(const runtime::EngineSnapshot& snapshot, const Rates& rates, double steady_seconds,
                  double unix_seconds) {
    mark(snapshot);
    // Half a second less: the calls are not exactly a second apart.
    if (steady_seconds - last_ < step - 0.5) return;
    last_ = steady_seconds;
    std::map<std::string, std::deque<Point>> kept;
    for (const auto& c : snapshot.components) {
        auto& points = kept[c.name] = std::move(components_[c.name]);
        points.push_back({unix_seconds, rates.of(c, steady_seconds), c.in_flight,
                          c.worker_restarts - c.workers_recycled,
                          unix_seconds - c.backlog.asked_seconds < 2 * step ? c.backlog.ready : -1});
        points.back().rates.sent = {};
        if (points.size() > most_points) points.pop_front();
    }
    components_ = std::move(kept);
}

void History::mark(const runtime::EngineSnapshot& snapshot) {
    if (marks_.empty()) marks_.push_back({snapshot.started_seconds, "start", {}});
    const auto& reload = snapshot.reload;
    const bool ended = reload.state == Reload::applied || reload.state == Reload::refused;
    if (!ended || reload.number == reload_) return;
    reload_ = reload.number;
    marks_.push_back(
        {reload.ended_seconds, reload.state == Reload::applied ? "applied" : "refused", reload.text});
    if (marks_.size() > most_marks) marks_.pop_front();
}

std::string History::json() const {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    writer.Key("step_seconds");
    writer.Double(step);
    writer.Key("marks");
    writer.StartArray();
    for (const Mark& mark : marks_) {
        writer.StartObject();
        writer.Key("at");
        writer.Double(mark.at);
        writer.Key("kind");
        writer.String(mark.kind);
        writer.Key("text");
        if (mark.text.empty())
            writer.Null();
        else
            write_text(writer, mark.text);
        writer.EndObject();
    }
    writer.EndArray();
    writer.Key("components");
    writer.StartArray();
    for (const auto& [name, points] : components_) {
        writer.StartObject();
        writer.Key("name");
        write_text(writer, name);
        write_series(writer, "at", points, [&](const Point& p) { writer.Double(std::round(p.at)); });
        write_series(writer, "received", points,
                     [&](const Point& p) { write_rounded(writer, p.rates.received); });
        write_series(writer, "done", points, [&](const Point& p) { write_rounded(writer, p.rates.done); });
        write_series(writer, "failed", points,
                     [&](const Point& p) { write_rounded(writer, p.rates.failed); });
        write_series(writer, "p50_seconds", points,
                     [&](const Point& p) { write_rounded(writer, p.rates.p50_seconds); });
        write_series(writer, "p99_seconds", points,
                     [&](const Point& p) { write_rounded(writer, p.rates.p99_seconds); });
        write_series(writer, "in_flight", points, [&](const Point& p) { writer.Uint64(p.in_flight); });
        write_series(writer, "restarts", points, [&](const Point& p) { writer.Uint64(p.restarts); });
        write_series(writer, "waiting", points, [&](const Point& p) {
            if (p.waiting < 0)
                writer.Null();
            else
                writer.Int64(p.waiting);
        });
        writer.EndObject();
    }
    writer.EndArray();
    writer.EndObject();
    return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace volley::operations
