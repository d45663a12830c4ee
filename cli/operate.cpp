#include "operate.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

#include "engine_session.hpp"
#include "json_fields.hpp"
#include "queue_access.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text/escape.hpp"
#include "text/json_text.hpp"

namespace volley::cli {

namespace {

using rapidjson::Value;
using text::member_of;

constexpr int exit_stalled = 1;  // why: something stands still
constexpr int exit_later = 75;   // reload: there is no verdict yet

class Command {
public:
    Command(EngineSession session, const Operate& options)
        : session_(std::move(session)), client_(session_.client()), options_(options) {}

    int run() {
        if (options_.what == Operate::What::health) return health();
        if (const int wrong = session_.look_who_answers(); wrong != exit_ok) return wrong;
        switch (options_.what) {
            case Operate::What::status:
                return status();
            case Operate::What::why:
                return why();
            case Operate::What::pause:
            case Operate::What::resume:
                return pause();
            case Operate::What::reload:
                return reload();
            case Operate::What::drain:
                return written(client_.post("/api/v1/drain"),
                               "the engine drains: it ends once what is in flight is finished");
            case Operate::What::log:
                return log_level();
            case Operate::What::workers:
            case Operate::What::rate:
                return limit();
            case Operate::What::health:
                break;
        }
        return exit_usage;  // not reached
    }

private:
    int health() {
        const auto answer = client_.get(options_.ready ? "/readyz" : "/healthz");
        if (!answer) {
            say(answer.error().text);
            return exit_unavailable;
        }
        std::string text = answer->body;
        while (!text.empty() && text.back() == '\n') text.pop_back();
        if (!text.empty()) print_bytes(text);
        return answer->status == 200 ? exit_ok : exit_unavailable;
    }

    static void print_whys(const Value& status, const char* lead) {
        for (const Value* component : list_of(&status, "components")) {
            const std::string why = string_of(component, "why");
            if (!why.empty()) print_bytes(lead + string_of(component, "name") + ": " + why);
        }
    }

    // The partitions that wait most, of components that stand still. An engine asks its stores only if
    // somebody wants to know, so the first answer can be an old one.
    void print_lags() const {
        constexpr int tries = 15;
        constexpr std::chrono::milliseconds pause{100};
        constexpr double recent = 10;  // seconds
        for (int i = 0; i < tries; ++i) {
            const auto queues = session_.object(client_.get("/api/v1/queues"));
            if (!queues) return;
            const double now =
                std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
            bool is_old = false;
            std::vector<std::string> lines;
            for (const Value* component : list_of(&session_.status(), "components")) {
                if (is_true(component, "ready")) continue;
                for (const Value* queue : list_of(&*queues, "queues")) {
                    if (string_of(queue, "component") != string_of(component, "name")) continue;
                    is_old = is_old || now - number_of(queue, "asked_at") > recent;
                    if (const std::string lags = greatest_lags(*queue); !lags.empty())
                        lines.push_back("  " + string_of(queue, "name") + " is behind: " + lags);
                }
            }
            if (is_old && i + 1 < tries) {
                std::this_thread::sleep_for(pause);
                continue;
            }
            for (const std::string& line : lines) print_bytes(line);
            return;
        }
    }

    // "partition 4 of orders by 7712, partition 2 of orders by 12"
    static std::string greatest_lags(const Value& queue) {
        constexpr std::size_t most = 3;
        std::vector<const Value*> partitions = list_of(&queue, "partitions");
        std::stable_sort(partitions.begin(), partitions.end(), [](const Value* a, const Value* b) {
            return number_of(a, "lag") > number_of(b, "lag");
        });
        std::string text;
        std::size_t shown = 0;
        for (const Value* one : partitions) {
            if (shown == most || number_of(one, "lag") <= 0) break;
            const std::string source = string_of(one, "source");
            text += (shown++ == 0 ? "" : ", ") + ("partition " + known(one, "partition")) +
                    (source.empty() ? "" : " of " + source) + " by " + known(one, "lag");
        }
        return text;
    }

    int why() {
        if (options_.json) {
            print_json(without_end(session_.status_text()));
        } else {
            print_whys(session_.status(), "");
            if (!is_true(&session_.status(), "ready")) print_lags();
            if (is_true(&session_.status(), "ready"))
                std::printf("nothing stands still: all components are ready\n");
            else if (string_of(&session_.status(), "state") == "draining")
                std::printf("the engine drains, and ends once what is in flight is finished\n");
        }
        return is_true(&session_.status(), "ready") ? exit_ok : exit_stalled;
    }

    int status() {
        const auto components = client_.get("/api/v1/components");
        if (const int wrong = session_.complain(components); wrong != exit_ok) return wrong;
        const auto queues = client_.get("/api/v1/queues");
        if (const int wrong = session_.complain(queues); wrong != exit_ok) return wrong;
        if (options_.json) {
            print_json("{\"status\":" + without_end(session_.status_text()) + ",\"components\":" +
                       without_end(components->body) + ",\"queues\":" + without_end(queues->body) + "}");
            return exit_ok;
        }
        const auto figures = session_.object(components);
        const auto backlogs = session_.object(queues);
        if (!figures || !backlogs) return report((figures ? backlogs : figures).error());
        std::string line = string_of(&session_.status(), "app") + ": " +
                           string_of(&session_.status(), "state") + " for " +
                           shown_time(number_of(&session_.status(), "uptime_seconds")) + ", version " +
                           string_of(&session_.status(), "version") + ", http://" + client_.where();
        if (const Value* log = member_of(&session_.status(), "log"); string_of(log, "level") != "info")
            line += ", log level " + string_of(log, "level");
        print_bytes(line);
        std::vector<std::vector<std::string>> rows{
            {"COMPONENT", "STATE", "IN/S", "DONE/S", "FAILED/S", "IN FLIGHT", "BUSY", "WAITING", "INPUT"}};
        const auto waiting = list_of(&*backlogs, "queues");
        for (const Value* c : list_of(&*figures, "components")) {
            const std::string name = string_of(c, "name");
            const auto queue = std::find_if(waiting.begin(), waiting.end(), [&](const Value* q) {
                return string_of(q, "component") == name;
            });
            rows.push_back({name, is_true(c, "ready") ? "ready" : string_of(c, "cause"),
                            per_second(c, "received"), per_second(c, "done"), per_second(c, "failed"),
                            known(c, "in_flight"), known(c, "workers_busy") + "/" + known(c, "workers"),
                            queue == waiting.end() ? "-" : known(*queue, "ready"),
                            string_of(c, "input") + " (" + string_of(c, "connector") + ")"});
        }
        print_table(rows);
        print_whys(session_.status(), "why ");
        return exit_ok;
    }

    int pause() {
        const bool paused = options_.what == Operate::What::pause;
        std::vector<std::string> names = options_.components;
        if (options_.all) {
            for (const Value* component : list_of(&session_.status(), "components"))
                names.push_back(string_of(component, "name"));
        }
        int code = exit_ok;
        for (const std::string& name : names) {
            const auto answer = client_.post("/api/v1/components/" + text::url_escaped(name) +
                                             (paused ? "/pause" : "/resume"));
            const int one = written(answer, name + (paused ? " is paused" : " goes on"));
            if (one != exit_ok) code = one;
        }
        return code;
    }

    int log_level() {
        std::string path = "/api/v1/log?level=" + text::url_escaped(options_.level);
        if (!options_.duration.empty()) path += "&for=" + text::url_escaped(options_.duration);
        return written(client_.post(path), "the log level is " + options_.level +
                                               (options_.duration.empty() ? " until the next reload"
                                                                          : " for " + options_.duration));
    }

    int limit() {
        const bool workers = options_.what == Operate::What::workers;
        const std::string& name = options_.components.front();
        std::string path = "/api/v1/components/" + text::url_escaped(name) +
                           (workers ? "/workers?count=" : "/rate?per_second=") +
                           text::url_escaped(options_.limit);
        if (!options_.duration.empty()) path += "&for=" + text::url_escaped(options_.duration);
        std::string done = workers ? "of " + name + " " + options_.limit + " workers get messages"
                                   : name + " fetches at most " + options_.limit + " messages a second";
        if (!workers && options_.limit == "off") done = "the rate of " + name + " is not limited";
        if (!options_.duration.empty()) done += " for " + options_.duration;
        return written(client_.post(path), done);
    }

    // Reports what a write did.
    int written(const Result<EngineAnswer>& answer, const std::string& done) const {
        if (const int wrong = session_.complain(answer); wrong != exit_ok) return wrong;
        if (options_.json)
            print_json(without_end(answer->body));
        else
            print_bytes(done);
        return exit_ok;
    }

    int reload() {
        const auto asked = client_.post("/api/v1/reload");
        if (const int wrong = session_.complain(asked); wrong != exit_ok) return wrong;
        const auto request = session_.object(asked);
        if (!request) return report(request.error());
        const double number = number_of(&*request, "number");
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options_.timeout);
        while (std::chrono::steady_clock::now() < end) {
            const auto answer = client_.get("/api/v1/status");
            if (const int wrong = session_.complain(answer); wrong != exit_ok) return wrong;
            const auto status = session_.object(answer);
            if (!status) return report(status.error());
            const Value* verdict = member_of(&*status, "reload");
            const std::string state = string_of(verdict, "state");
            if (number_of(verdict, "number") >= number && (state == "applied" || state == "refused"))
                return tell_verdict(*status, state);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        say("the reload is still running after " + std::to_string(options_.timeout) +
            " s; `volley status --json` has the verdict once it ends");
        return exit_later;
    }

    int tell_verdict(const Value& status, const std::string& state) const {
        const Value* verdict = member_of(&status, "reload");
        std::string text = string_of(verdict, "text");
        while (!text.empty() && text.back() == '\n') text.pop_back();
        const bool applied = state == "applied";
        if (options_.json) {
            print_json(text::as_written(*verdict, nullptr));
        } else if (applied) {
            print_bytes("applied: " + text);
        } else {
            say("the configuration is not applied; what runs goes on as it is");
            say(text);
        }
        return applied ? exit_ok : exit_config;
    }

    static std::string without_end(std::string line) {
        while (!line.empty() && line.back() == '\n') line.pop_back();
        return line;
    }

    EngineSession session_;
    const EngineClient& client_;
    const Operate& options_;
};

}  // namespace

int operate(const std::string& config_file, const Operate& options) {
    auto address = engine_address(config_file, options.address);
    if (!address) {
        say(address.error().text);
        return exit_config;
    }
    return Command(EngineSession(EngineClient(std::move(*address))), options).run();
}

}  // namespace volley::cli
