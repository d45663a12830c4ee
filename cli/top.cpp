#include "top.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "engine_session.hpp"
#include "json_fields.hpp"
#include "queue_access.hpp"
#include "screen.hpp"
#include "terminal.hpp"
#include "text/escape.hpp"
#include "text/json_text.hpp"
#include "top_frame.hpp"

namespace volley::cli {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds period{1000};

// What was last seen of the engine. If it does not answer, the figures stay.
struct Seen {
    rapidjson::Document event;
    rapidjson::Document in_flight;
    int code = exit_ok;
    std::string wrong;  // empty: it answers
};

// A message in flight is listed only once somebody has asked.
bool is_made(const rapidjson::Document& in_flight) {
    const auto components = list_of(&in_flight, "components");
    return std::all_of(components.begin(), components.end(),
                       [](const auto* one) { return number_of(one, "made_at") > 0; });
}

void look(const EngineSession& session, Seen& seen) {
    const auto answer = session.client().event();
    std::tie(seen.code, seen.wrong) = session.wrong_with(answer);
    if (seen.code != exit_ok) return;
    auto event = session.object(answer);
    const auto listed = session.client().get("/api/v1/in_flight");
    std::tie(seen.code, seen.wrong) = session.wrong_with(listed);
    if (seen.code != exit_ok) return;
    auto in_flight = session.object(listed);
    if (!event || !in_flight) {
        seen.code = exit_unavailable;
        seen.wrong = (event ? in_flight : event).error().text;
        return;
    }
    seen.event = std::move(*event);
    seen.in_flight = std::move(*in_flight);
}

int print_once(const EngineSession& session, const Top& options) {
    Seen seen;
    constexpr int most_tries = 30;
    for (int tries = 0; tries < most_tries; ++tries) {
        look(session, seen);
        if (seen.code != exit_ok) {
            say(seen.wrong);
            return seen.code;
        }
        if (is_made(seen.in_flight)) break;
        std::this_thread::sleep_for(milliseconds(50));
    }
    if (options.json) {
        std::string line = text::as_written(seen.event, nullptr);
        line.pop_back();
        print_json(line + ",\"in_flight\":" + text::as_written(seen.in_flight["components"], nullptr) + "}");
        return exit_ok;
    }
    TopView view;
    view.where = session.client().where();
    for (const std::string& line : top_frame(seen.event, seen.in_flight, view))
        std::printf("%s\n", line.c_str());
    return exit_ok;
}

class Watch {
public:
    explicit Watch(const EngineSession& session) : session_(session) {
        const char* const no_color = std::getenv("NO_COLOR");
        view_.styles = true;
        view_.colours = no_color == nullptr || *no_color == '\0';
        view_.where = session.client().where();
    }

    int run() {
        const Screen screen;
        auto next = steady_clock::now();
        std::string keys;
        for (bool goes_on = true; goes_on;) {
            if (steady_clock::now() >= next) {
                look(session_, seen_);
                next = steady_clock::now() + period;
            }
            draw();
            const auto left = std::chrono::ceil<milliseconds>(next - steady_clock::now());
            if (!Screen::wait(left, keys)) break;
            goes_on = press(keys);
        }
        return exit_ok;
    }

private:
    const rapidjson::Value* chosen() const {
        const auto components = list_of(&seen_.event, "components");
        return view_.selected < components.size() ? components[view_.selected] : nullptr;
    }

    void draw() {
        const Screen::Size size = Screen::size();
        view_.columns = size.columns;
        view_.rows = size.rows;
        view_.message = !seen_.wrong.empty() ? seen_.wrong : said_;
        if (asks_) view_.message = twin() + "? y: yes, any other key: no";
        Screen::draw(top_frame(seen_.event, seen_.in_flight, view_));
    }

    // The command that does the same.
    std::string twin() const {
        return std::string("volley ") + (is_true(chosen(), "paused") ? "resume " : "pause ") +
               string_of(chosen(), "name");
    }

    void pause() {
        const bool resumes = is_true(chosen(), "paused");
        const auto answer =
            session_.client().post("/api/v1/components/" + text::url_escaped(string_of(chosen(), "name")) +
                                   (resumes ? "/resume" : "/pause"));
        const auto [code, wrong] = session_.wrong_with(answer);
        said_ = code == exit_ok ? twin() + ": done" : wrong;
        look(session_, seen_);
    }

    // Returns whether to go on.
    bool press(const std::string& keys) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            char key = keys[i];
            if (key == '\x1b' && i + 2 < keys.size() && (keys[i + 1] == '[' || keys[i + 1] == 'O')) {
                key = keys[i + 2] == 'A' ? 'k' : keys[i + 2] == 'B' ? 'j' : ' ';
                i += 2;
            }
            if (asks_) {
                asks_ = false;
                if (key == 'y' && chosen() != nullptr) pause();
                continue;
            }
            said_.clear();
            const std::size_t components = list_of(&seen_.event, "components").size();
            if (key == 'q') return false;
            if (key == 'j' && view_.selected + 1 < components) ++view_.selected;
            if (key == 'k' && view_.selected > 0) --view_.selected;
            if (key == 'p' && chosen() != nullptr) asks_ = true;
        }
        return true;
    }

    const EngineSession& session_;
    Seen seen_;
    TopView view_;
    std::string said_;  // what became of the last request
    bool asks_ = false;
};

}  // namespace

int top(const std::string& config_file, const Top& options) {
    auto address = engine_address(config_file, options.address);
    if (!address) {
        say(address.error().text);
        return exit_config;
    }
    EngineSession session{EngineClient(std::move(*address))};
    if (const int wrong = session.look_who_answers(); wrong != exit_ok) return wrong;
    if (options.json || !Screen::is_possible()) return print_once(session, options);
    return Watch(session).run();
}

}  // namespace volley::cli
