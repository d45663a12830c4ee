#include "operations/api.hpp"

#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "config/bind.hpp"
#include "operations/api_json.hpp"
#include "operations/tap_stream.hpp"
#include "text/number.hpp"

namespace volley::operations {

namespace {

constexpr std::string_view prefix = "/api/v1/";
constexpr std::string_view components = "components/";
constexpr std::string_view pause_suffix = "/pause";
constexpr std::string_view resume_suffix = "/resume";
constexpr std::string_view workers_suffix = "/workers";
constexpr std::string_view rate_suffix = "/rate";
constexpr std::string_view tap_suffix = "/tap";
constexpr std::chrono::hours longest_time{24 * 7};  // of what goes back by itself

double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double wall_clock_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

ApiResponse refuse(int status, const std::string& text, std::string allow = {}) {
    ApiResponse response = json_response(status, error_body(text));
    response.allow = std::move(allow);
    return response;
}

// "components/ship/pause" → "ship". A name may contain slashes.
std::optional<std::string> named_component(std::string_view what, std::string_view suffix) {
    if (what.size() <= components.size() + suffix.size() || !what.starts_with(components) ||
        !what.ends_with(suffix))
        return std::nullopt;
    return std::string(what.substr(components.size(), what.size() - components.size() - suffix.size()));
}

bool is_read(std::string_view what) {
    constexpr std::array<std::string_view, 10> reads{"audit",   "status",    "components",    "queues",
                                                     "log",     "in_flight", "configuration", "events",
                                                     "history", "latencies"};
    for (const std::string_view read : reads)
        if (what == read) return true;
    return false;
}

bool is_write(std::string_view what) {
    return what == "reload" || what == "drain" || what == "log" || named_component(what, pause_suffix) ||
           named_component(what, resume_suffix) || named_component(what, workers_suffix) ||
           named_component(what, rate_suffix);
}

// The parameter `for`: 0 without one; nothing if it is no such duration.
std::optional<std::chrono::milliseconds> time_given(const ApiRequest& request) {
    const auto given = request.parameters.find("for");
    if (given == request.parameters.end()) return std::chrono::milliseconds(0);
    const auto time = config::parse_duration(given->second);
    if (!time || time->count() <= 0 || *time > longest_time) return std::nullopt;
    return *time;
}

// "debug for 10m"
std::string with_time(std::string about, const ApiRequest& request) {
    const auto given = request.parameters.find("for");
    return given == request.parameters.end() ? about : about + " for " + given->second;
}

// A whole number from 1, or 0 for the word that lifts the limit; nothing if it is neither.
std::optional<std::uint32_t> limit_given(const ApiRequest& request, const char* name,
                                         std::string_view lifts) {
    constexpr std::uint64_t most = 1'000'000'000;
    const auto given = request.parameters.find(name);
    if (given == request.parameters.end()) return std::nullopt;
    if (given->second == lifts) return 0;
    const auto number = text::whole_number(given->second);
    if (!number || *number == 0 || *number > most) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

ApiResponse no_such_time() {
    return refuse(400, "\"for\" is a duration above zero and of at most a week, such as 10m");
}

ApiResponse no_such_component(const std::string& name) {
    return refuse(404, "there is no component \"" + name + "\"");
}

}  // namespace

bool is_api_path(const std::string& path) { return path == "/api" || path.starts_with("/api/"); }

ApiResponse Api::answer(const ApiRequest& request) {
    const std::string what = request.path.starts_with(prefix) ? request.path.substr(prefix.size()) : "";
    const bool gets = request.method == "GET" || request.method == "HEAD";
    if (is_read(what) && gets) return read(what);
    if (is_write(what) && request.method == "POST") return write(what, request);
    if (const auto tapped = named_component(what, tap_suffix)) {
        if (request.method != "GET") return refuse(405, "this needs GET", "GET");
        return tap(*tapped, request);
    }
    if (DeadLetters::is_route(what))
        return dead_letters_.answer(what, request, [&](const std::string& of, const std::string& about) {
            audit(of, about, request);
        });
    if (is_write(what)) return refuse(405, "this needs POST", what == "log" ? "GET, HEAD, POST" : "POST");
    if (is_read(what)) return refuse(405, "this needs GET", "GET, HEAD");
    const auto component = named_component(what, "");
    if (!component) return refuse(404, "there is nothing here; the API is described in docs/openapi.yaml");
    if (!gets) return refuse(405, "this needs GET", "GET, HEAD");
    const auto snapshot = controls_.snapshot(true);
    for (const auto& one : snapshot.components) {
        if (one.name == *component) return json_response(200, component_json(one, rates_, steady_seconds()));
    }
    return no_such_component(*component);
}

ApiResponse Api::read(const std::string& what) {
    if (what == "events") {
        ApiResponse response = json_response(200, event());
        response.events = true;
        return response;
    }
    if (what == "audit") return json_response(200, lines_json(log::audited()));
    if (what == "log") return json_response(200, lines_json(log::recent()));
    if (what == "in_flight") {
        controls_.want_in_flight();
        return json_response(200, in_flight_json(controls_.snapshot(false)));
    }
    if (what == "history") return json_response(200, history_.json());
    if (what == "configuration") {
        const auto configuration = controls_.configuration();
        if (!configuration) return refuse(503, "the configuration is not known yet");
        return json_response(200, configuration_json(*configuration));
    }
    const auto snapshot = controls_.snapshot(true);
    const double now = steady_seconds();
    if (what == "components") return json_response(200, components_json(snapshot, rates_, now));
    if (what == "queues") return json_response(200, queues_json(snapshot));
    if (what == "latencies") return json_response(200, latencies_json(snapshot));
    return json_response(200, status_json(snapshot));
}

ApiResponse Api::write(const std::string& what, const ApiRequest& request) {
    if (const auto name = named_component(what, pause_suffix)) return pause(*name, true, request);
    if (const auto name = named_component(what, resume_suffix)) return pause(*name, false, request);
    if (const auto name = named_component(what, workers_suffix)) return limit_workers(*name, request);
    if (const auto name = named_component(what, rate_suffix)) return limit_rate(*name, request);
    if (what == "log") return set_log_level(request);
    if (what == "drain") {
        audit("drain", {}, request);
        controls_.drain();
        return {202,
                R"({"state":"draining"})"
                "\n",
                false,
                {},
                {},
                false,
                {}};
    }
    audit("reload", {}, request);
    return json_response(202, R"({"number":)" + std::to_string(controls_.reload()) + "}\n");
}

ApiResponse Api::pause(const std::string& component, bool paused, const ApiRequest& request) {
    if (!controls_.pause(component, paused)) return no_such_component(component);
    audit(paused ? "pause" : "resume", component, request);
    return {200,
            paused ? R"({"paused":true})"
                     "\n"
                   : R"({"paused":false})"
                     "\n",
            false,
            {},
            {},
            false,
            {}};
}

ApiResponse Api::limit_workers(const std::string& component, const ApiRequest& request) {
    const auto count = limit_given(request, "count", "all");
    if (!count) return refuse(400, "give how many workers get messages: ?count=2, or ?count=all");
    const auto back_after = time_given(request);
    if (!back_after) return no_such_time();
    for (const auto& one : controls_.snapshot(false).components) {
        if (one.name != component || *count <= one.workers) continue;
        return refuse(409, "the component has " + std::to_string(one.workers) +
                               " workers; for more, change `workers` in the configuration and reload");
    }
    if (!controls_.limit_workers(component, *count, *back_after)) return no_such_component(component);
    const std::string shown = *count == 0 ? "all" : std::to_string(*count);
    audit("workers", with_time(component + ": " + shown, request), request);
    return json_response(200, R"({"workers":)" + (*count == 0 ? "null" : shown) + "}\n");
}

ApiResponse Api::limit_rate(const std::string& component, const ApiRequest& request) {
    const auto per_second = limit_given(request, "per_second", "off");
    if (!per_second) return refuse(400, "give a rate, at least 1: ?per_second=100, or ?per_second=off");
    const auto back_after = time_given(request);
    if (!back_after) return no_such_time();
    if (!controls_.limit_rate(component, *per_second, *back_after)) return no_such_component(component);
    const std::string shown = *per_second == 0 ? "off" : std::to_string(*per_second);
    audit("rate", with_time(component + ": " + shown, request), request);
    return json_response(200, R"({"per_second":)" + (*per_second == 0 ? "null" : shown) + "}\n");
}

ApiResponse Api::tap(const std::string& component, const ApiRequest& request) {
    runtime::Tap::Settings settings;
    constexpr std::uint32_t most_per_second = 100;
    if (request.parameters.count("per_second") > 0) {
        const auto per_second = limit_given(request, "per_second", "");
        if (!per_second || *per_second == 0 || *per_second > most_per_second)
            return refuse(400, "\"per_second\" is a whole number from 1 to 100");
        settings.per_second = *per_second;
    }
    if (request.parameters.count("every") > 0) {
        const auto every = limit_given(request, "every", "");
        if (!every || *every == 0) return refuse(400, "\"every\" is a whole number from 1");
        settings.every = *every;
    }
    if (const auto only = request.parameters.find("only"); only != request.parameters.end()) {
        const auto direction = direction_named(only->second);
        if (!direction) return refuse(400, "\"only\" is one of in, out and dead");
        settings.directions = 1U << static_cast<std::uint32_t>(*direction);
    }
    if (controls_.tap(component) == nullptr) return no_such_component(component);
    auto stream = std::make_shared<TapStream>(controls_.tap, component, settings, controls_.queue_config);
    if (!stream->is_open()) return refuse(409, "another client watches this component");
    audit("tap", component, request);
    return {200, stream->events(), true, [stream] { return stream->events(); }, {}, false, {}};
}

ApiResponse Api::set_log_level(const ApiRequest& request) {
    const auto level_given = request.parameters.find("level");
    if (level_given == request.parameters.end())
        return refuse(400, "give a level: ?level=debug, and for how long: &for=10m");
    const auto level = log::level_named(level_given->second);
    // Off would leave later requests without an audit.
    if (!level || *level == log::Level::off)
        return refuse(400, "a level is one of trace, debug, info, warning and error");
    const auto back_after = time_given(request);
    if (!back_after) return no_such_time();
    // Before the change, which could silence it.
    audit("log level", with_time(level_given->second, request), request);
    controls_.set_log_level(*level, *back_after);
    return json_response(200, R"({"level":")" + std::string(log::name_of(*level)) + "\"}\n");
}

std::string Api::tick(bool wanted) {
    const auto snapshot = controls_.snapshot(wanted);
    const double now = steady_seconds();
    rates_.add(snapshot, now);
    history_.add(snapshot, rates_, now, wall_clock_seconds());
    if (!wanted) return {};
    return "data: " + everything_json(snapshot, rates_, now) + "\n\n";
}

std::string Api::event() {
    return "retry: 2000\ndata: " + everything_json(controls_.snapshot(true), rates_, steady_seconds()) +
           "\n\n";
}

void Api::audit(const std::string& what, const std::string& about, const ApiRequest& request) {
    log::audit("an operator's request is carried out",
               {{"request", what}, {"about", about}, {"by", request.client}, {"from", request.from}});
}

}  // namespace volley::operations
