#include "top_frame.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string_view>

#include "json_fields.hpp"
#include "table.hpp"
#include "text/escape.hpp"
#include "text/json_text.hpp"

namespace volley::cli {

namespace {

using rapidjson::Value;
using text::member_of;
using Row = std::vector<std::string>;

constexpr std::size_t longest_line = 4096;
constexpr std::size_t most_in_flight = 10;

double unix_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string time_of_day(double seconds) {
    const auto whole = static_cast<std::time_t>(seconds);
    std::tm local{};
    localtime_r(&whole, &local);
    char text[16];
    return {text, std::strftime(text, sizeof text, "%H:%M:%S", &local)};
}

std::string age(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsNumber() ? shown_time(value->GetDouble()) : "-";
}

enum class Style : std::uint8_t { plain, bold, reverse, alarm };

class Frame {
public:
    explicit Frame(const TopView& view) : view_(view) {}

    void line(std::string_view text, Style style = Style::plain) {
        std::string shown;
        text::append_escaped(shown, text, longest_line, text::Quotes::plain);
        add(std::move(shown), style);
    }
    // `styles` has the style of each row; missing ones are plain.
    void table(const std::vector<Row>& rows, const std::vector<Style>& styles) {
        const auto lines = table_lines(rows, view_.columns);
        for (std::size_t i = 0; i < lines.size(); ++i)
            add(lines[i], i < styles.size() ? styles[i] : Style::plain);
    }
    // How many more lines fit above the last one.
    std::size_t room() const {
        if (view_.rows == 0) return ~std::size_t{0};
        return lines_.size() + 1 >= view_.rows ? 0 : view_.rows - 1 - lines_.size();
    }
    std::vector<std::string> take(const std::string& last) {
        if (view_.rows > 0) {
            lines_.resize(view_.rows - 1);
            line(last, Style::reverse);
        }
        return std::move(lines_);
    }

private:
    void add(std::string text, Style style) {
        if (view_.columns > 0) text = cut_to(text, view_.columns);
        const char* begin = "";
        if (view_.styles && style == Style::bold) begin = "\x1b[1m";
        if (view_.styles && style == Style::reverse) begin = "\x1b[7m";
        if (view_.colours && style == Style::alarm) begin = "\x1b[31m";
        lines_.push_back(*begin == '\0' ? std::move(text) : begin + text + "\x1b[0m");
    }

    const TopView& view_;
    std::vector<std::string> lines_;
};

void show_head(Frame& frame, const Value* status, const std::string& where) {
    std::string line = string_of(status, "app") + ": " + string_of(status, "state") + " for " +
                       shown_time(number_of(status, "uptime_seconds")) + ", version " +
                       string_of(status, "version") + ", http://" + where;
    if (const Value* log = member_of(status, "log"); string_of(log, "level") != "info")
        line += ", log level " + string_of(log, "level");
    if (const Value* reload = member_of(status, "reload");
        string_of(reload, "state") == "running" || string_of(reload, "state") == "refused")
        line += ", reload " + string_of(reload, "state");
    frame.line(line, Style::bold);
}

void show_whys(Frame& frame, const std::vector<const Value*>& components) {
    for (const Value* component : components) {
        const std::string why = string_of(component, "why");
        if (!why.empty()) frame.line("why " + string_of(component, "name") + ": " + why, Style::alarm);
    }
}

// "4/8", "4/2 of 8" if an operator lets only two of eight work
std::string workers_of(const Value* c) {
    const std::string all = known(c, "workers");
    const std::string used = known(c, "workers_used");
    return known(c, "workers_busy") + "/" + (used == "-" || used == all ? all : used + " of " + all);
}

void show_components(Frame& frame, const std::vector<const Value*>& components, const Value& event,
                     const TopView& view) {
    std::vector<Row> rows{{"COMPONENT", "STATE", "IN/S", "DONE/S", "FAILED/S", "IN FLIGHT", "BUSY", "WAITING",
                           "OLDEST", "INPUT"}};
    std::vector<Style> styles{Style::bold};
    const auto queues = list_of(&event, "queues");
    for (std::size_t i = 0; i < components.size(); ++i) {
        const Value* c = components[i];
        const std::string name = string_of(c, "name");
        const auto queue = std::find_if(queues.begin(), queues.end(),
                                        [&](const Value* q) { return string_of(q, "component") == name; });
        std::string in = per_second(c, "received");
        if (const std::string limit = known(c, "rate_limit"); limit != "-") in += " of " + limit;
        rows.push_back({name, is_true(c, "ready") ? "ready" : string_of(c, "cause"), in,
                        per_second(c, "done"), per_second(c, "failed"), known(c, "in_flight"), workers_of(c),
                        queue == queues.end() ? "-" : known(*queue, "ready"),
                        queue == queues.end() ? "-" : age(*queue, "oldest_seconds"),
                        string_of(c, "input") + " (" + string_of(c, "connector") + ")"});
        styles.push_back(view.styles && i == view.selected ? Style::reverse
                         : is_true(c, "ready")             ? Style::plain
                                                           : Style::alarm);
    }
    frame.table(rows, styles);
}

void show_outputs(Frame& frame, const Value* component) {
    std::vector<Row> rows{{"OUTPUT", "STATE", "SENT/S", "SENT", "FAILED", "LAST ERROR"}};
    std::vector<Style> styles{Style::bold};
    for (const Value* o : list_of(component, "outputs")) {
        char rate[32];
        std::snprintf(rate, sizeof rate, "%.1f", number_of(o, "sent_per_second"));
        rows.push_back({string_of(o, "queue") + (is_true(o, "is_dead_letter_queue") ? " (dead letters)" : ""),
                        is_true(o, "up") ? "up" : "down", rate, known(o, "sent"), known(o, "failed"),
                        string_of(o, "last_error")});
        styles.push_back(is_true(o, "up") ? Style::plain : Style::alarm);
    }
    if (rows.size() > 1) frame.table(rows, styles);
}

void show_in_flight(Frame& frame, const Value& in_flight, const std::string& name) {
    for (const Value* component : list_of(&in_flight, "components")) {
        if (string_of(component, "name") != name) continue;
        const auto messages = list_of(component, "messages");
        if (messages.empty()) return;
        frame.line("");
        std::vector<Row> rows{{"IN FLIGHT", "PARTITION", "STATE", "ATTEMPT", "WORKER", "AGE", "LEASE LEFT"}};
        for (std::size_t i = 0; i < std::min(messages.size(), most_in_flight); ++i) {
            const Value* m = messages[i];
            rows.push_back({string_of(m, "message"), known(m, "partition"), string_of(m, "state"),
                            known(m, "attempt"), known(m, "worker"), age(m, "age_seconds"),
                            age(m, "lease_left_seconds")});
        }
        frame.table(rows, {Style::bold});
        const auto total = static_cast<std::size_t>(number_of(component, "total"));
        if (total > rows.size() - 1)
            frame.line("and " + std::to_string(total - (rows.size() - 1)) + " more in flight");
        return;
    }
}

void show_retrying(Frame& frame, const Value* component) {
    std::vector<Row> rows{{"TRIED AGAIN", "WAITS FOR", "ATTEMPTS", "NEXT TRY", "ERROR"}};
    for (const Value* r : list_of(component, "retrying"))
        rows.push_back({string_of(r, "message"), string_of(r, "waits_for"), known(r, "attempts"),
                        "in " + shown_time(number_of(r, "next_try_at") - unix_seconds()),
                        string_of(r, "error")});
    if (rows.size() == 1) return;
    frame.line("");
    frame.table(rows, {Style::bold});
}

void show_log(Frame& frame, const Value& event) {
    const auto lines = list_of(&event, "lines");
    if (lines.empty() || frame.room() < 3) return;
    frame.line("");
    frame.line("WARNINGS AND ERRORS", Style::bold);
    for (std::size_t i = lines.size() - std::min(lines.size(), frame.room()); i < lines.size(); ++i)
        frame.line(time_of_day(number_of(lines[i], "at")) + " " + string_of(lines[i], "level") + " " +
                   string_of(lines[i], "text"));
}

}  // namespace

std::vector<std::string> top_frame(const Value& event, const Value& in_flight, const TopView& view) {
    Frame frame(view);
    const auto components = list_of(&event, "components");
    show_head(frame, member_of(&event, "status"), view.where);
    show_whys(frame, components);
    frame.line("");
    show_components(frame, components, event, view);
    for (std::size_t i = 0; i < components.size(); ++i) {
        if (view.rows > 0 && i != view.selected) continue;
        const std::string name = string_of(components[i], "name");
        frame.line("");
        frame.line(name, Style::bold);
        show_outputs(frame, components[i]);
        show_in_flight(frame, in_flight, name);
        show_retrying(frame, components[i]);
    }
    show_log(frame, event);
    return frame.take(view.message.empty() ? "q quit   \u2191\u2193 choose a component   p pause or resume it"
                                           : view.message);
}

}  // namespace volley::cli
