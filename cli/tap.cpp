#include "tap.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "engine_session.hpp"
#include "interrupt.hpp"
#include "json_fields.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"
#include "text/escape.hpp"
#include "text/json_text.hpp"

namespace volley::cli {

namespace {

using rapidjson::Value;

// "10:04:05.123", in local time
std::string clock_time(double unix_seconds) {
    const double whole = std::floor(unix_seconds);
    const auto seconds = static_cast<std::time_t>(whole);
    std::tm local{};
    localtime_r(&seconds, &local);
    char text[16];
    const std::size_t size = std::strftime(text, sizeof text, "%H:%M:%S", &local);
    char thousandths[8];
    std::snprintf(thousandths, sizeof thousandths, ".%03d", static_cast<int>((unix_seconds - whole) * 1000));
    return std::string(text, size) + thousandths;
}

bool is_known(const Value& message, const char* name) {
    const Value* value = text::member_of(&message, name);
    return value != nullptr && !value->IsNull();
}

// "17", or "3:17" of a partition; "-" for an output without an id.
std::string name_of(const Value& message) {
    if (is_known(message, "offset")) return known(&message, "partition") + ":" + known(&message, "offset");
    return is_known(message, "id") ? string_of(&message, "id") : "-";
}

// One line. Nothing in it can break the line or control the terminal.
std::string line_of(const Value& message) {
    std::string line = clock_time(number_of(&message, "at")) + "  ";
    const std::string direction = string_of(&message, "direction");
    line += direction + std::string(6 - std::min<std::size_t>(direction.size(), 5), ' ');
    line += string_of(&message, "queue") + "  " + name_of(message);
    if (is_known(message, "key")) line += "  key=" + string_of(&message, "key");
    for (const Value* header : list_of(&message, "headers"))
        line += "  " + string_of(header, "name") + ":" + string_of(header, "value");
    if (!is_known(message, "body_bytes"))
        line += "  (tombstone)";
    else if (is_known(message, "body"))
        line += "  " + string_of(&message, "body");
    else
        line += "  (" + known(&message, "body_bytes") + " bytes that are no text)";
    std::string shown;
    text::append_escaped(shown, line, line.size(), text::Quotes::plain);
    return shown;
}

// What is left to tell at the end.
struct Told {
    std::uint64_t shown = 0;
    double seen = 0;
    double left_out = 0;
    double dropped = 0;
};

// Returns whether to go on.
bool print_event(const Value& event, const Tap& options, Told& told) {
    told.seen = number_of(&event, "seen");
    told.left_out = number_of(&event, "left_out");
    told.dropped = number_of(&event, "dropped");
    for (const Value* message : list_of(&event, "messages")) {
        if (options.json)
            print_json(text::as_written(*message, nullptr));
        else
            print_bytes(line_of(*message));
        if (++told.shown == options.count) return false;
    }
    std::fflush(stdout);
    return true;
}

}  // namespace

int tap(const std::string& config_file, const Tap& options) {
    auto address = engine_address(config_file, options.address);
    if (!address) {
        say(address.error().text);
        return exit_config;
    }
    EngineSession session{EngineClient(std::move(*address))};
    if (const int wrong = session.look_who_answers(); wrong != exit_ok) return wrong;
    note_interrupts();
    Told told;
    const auto answer = session.client().stream(
        "/api/v1/components/" + text::url_escaped(options.component) +
            "/tap?per_second=" + std::to_string(options.per_second) +
            "&every=" + std::to_string(options.every) + (options.only.empty() ? "" : "&only=" + options.only),
        [&](const std::string& data) {
            rapidjson::Document event;
            event.Parse<rapidjson::kParseIterativeFlag>(data.c_str(), data.size());
            const bool goes_on = event.HasParseError() || print_event(event, options, told);
            return goes_on && !is_interrupted();
        });
    const int code = is_interrupted() ? exit_ok : session.complain(answer);
    if (code == exit_ok || told.seen > 0)
        std::fprintf(stderr,
                     "%llu shown of %.0f messages; %.0f left out by --rate and --every, %.0f dropped\n",
                     static_cast<unsigned long long>(told.shown), told.seen, told.left_out, told.dropped);
    return code;
}

}  // namespace volley::cli
