#include "operate.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

#include "engine_client.hpp"
#include "queue_access.hpp"
#include "table.hpp"
#include "terminal.hpp"
#include "text/json_text.hpp"

namespace volley::cli {

namespace {

using rapidjson::Value;
using text::member_of;

constexpr int exit_stalled = 1;  // why: something stands still
constexpr int exit_later = 75;   // reload: there is no verdict yet

std::string text_of(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsString() ? std::string(value->GetString(), value->GetStringLength())
                                                 : std::string();
}

double number_of(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsNumber() ? value->GetDouble() : 0;
}

bool is_true(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsTrue();
}

std::vector<const Value*> list_of(const Value* object, const char* name) {
    std::vector<const Value*> items;
    const Value* list = member_of(object, name);
    if (list == nullptr || !list->IsArray()) return items;
    for (const Value& item : list->GetArray()) items.push_back(&item);
    return items;
}

std::string whole(double number) { return std::to_string(std::llround(number)); }

// "12 s", "3 min", "4 h 10 min", "2 d 3 h"
std::string shown_time(double seconds) {
    const long long s = std::max(std::llround(seconds), 0LL);
    if (s < 60) return std::to_string(s) + " s";
    if (s < 3600) return std::to_string(s / 60) + " min";
    if (s < 86'400) return std::to_string(s / 3600) + " h " + std::to_string(s % 3600 / 60) + " min";
    return std::to_string(s / 86'400) + " d " + std::to_string(s % 86'400 / 3600) + " h";
}

std::string rate(const Value* component, const char* name) {
    char text[32];
    const double per_second = number_of(member_of(component, "per_second"), name);
    std::snprintf(text, sizeof text, per_second < 10 ? "%.1f" : "%.0f", per_second);
    return text;
}

// "4/8" of workers, "-" for what is not known.
std::string known(const Value* object, const char* name) {
    const Value* value = member_of(object, name);
    return value != nullptr && value->IsNumber() ? whole(value->GetDouble()) : "-";
}

class Command {
public:
    Command(EngineClient client, const Operate& options) : client_(std::move(client)), options_(options) {}

    int run() {
        if (options_.what == Operate::What::health) return health();
        const int known_engine = look_who_answers();
        if (known_engine != exit_ok) return known_engine;
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
            case Operate::What::health:
                break;
        }
        return exit_usage;  // not reached
    }

private:
    // Says what is wrong with an answer. Returns exit_ok if nothing is.
    int complain(const Result<EngineAnswer>& answer) const {
        if (!answer) {
            say(answer.error().text);
            return exit_unavailable;
        }
        if (answer->status < 300) return exit_ok;
        rapidjson::Document body;
        body.Parse<rapidjson::kParseIterativeFlag>(answer->body.c_str(), answer->body.size());
        const std::string error = body.HasParseError() ? std::string() : text_of(&body, "error");
        const std::string what = error.empty() ? "status " + std::to_string(answer->status) : error;
        const bool no_api = answer->status == 404 && error.empty();
        say(client_.where() + ": " + what + (no_api ? "; is this a volleyd?" : ""));
        if (answer->status == 401 || answer->status == 403) return exit_no_permission;
        return answer->status == 404 || answer->status == 400 ? exit_usage : exit_unavailable;
    }

    Result<rapidjson::Document> object(const Result<EngineAnswer>& answer) const {
        rapidjson::Document body;
        body.Parse<rapidjson::kParseIterativeFlag>(answer->body.c_str(), answer->body.size());
        if (body.HasParseError() || !body.IsObject())
            return Error(ErrorCode::retry, client_.where() + " answers something else than an engine does");
        return body;
    }

    int look_who_answers() {
        const auto answer = client_.get("/api/v1/status");
        if (const int wrong = complain(answer); wrong != exit_ok) return wrong;
        auto body = object(answer);
        if (!body) return report(body.error());
        status_text_ = answer->body;
        status_ = std::move(*body);
        const std::string app = text_of(&status_, "app");
        if (client_.address().app.empty() || app == client_.address().app) return exit_ok;
        say("on " + client_.where() + " runs \"" + app + "\", not \"" + client_.address().app +
            "\": another configuration. Give --config, or --address if you mean it");
        return exit_unavailable;
    }

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
            const std::string why = text_of(component, "why");
            if (!why.empty()) print_bytes(lead + text_of(component, "name") + ": " + why);
        }
    }

    int why() {
        if (options_.json) {
            print_json(without_end(status_text_));
        } else {
            print_whys(status_, "");
            if (is_true(&status_, "ready"))
                std::printf("nothing stands still: all components are ready\n");
            else if (text_of(&status_, "state") == "draining")
                std::printf("the engine drains, and ends once what is in flight is finished\n");
        }
        return is_true(&status_, "ready") ? exit_ok : exit_stalled;
    }

    int status() {
        const auto components = client_.get("/api/v1/components");
        if (const int wrong = complain(components); wrong != exit_ok) return wrong;
        const auto queues = client_.get("/api/v1/queues");
        if (const int wrong = complain(queues); wrong != exit_ok) return wrong;
        if (options_.json) {
            print_json("{\"status\":" + without_end(status_text_) + ",\"components\":" +
                       without_end(components->body) + ",\"queues\":" + without_end(queues->body) + "}");
            return exit_ok;
        }
        const auto figures = object(components);
        const auto backlogs = object(queues);
        if (!figures || !backlogs) return report((figures ? backlogs : figures).error());
        std::string line = text_of(&status_, "app") + ": " + text_of(&status_, "state") + " for " +
                           shown_time(number_of(&status_, "uptime_seconds")) + ", version " +
                           text_of(&status_, "version") + ", http://" + client_.where();
        if (const Value* log = member_of(&status_, "log"); text_of(log, "level") != "info")
            line += ", log level " + text_of(log, "level");
        print_bytes(line);
        std::vector<std::vector<std::string>> rows{
            {"COMPONENT", "STATE", "IN/S", "DONE/S", "FAILED/S", "IN FLIGHT", "BUSY", "WAITING", "INPUT"}};
        const auto waiting = list_of(&*backlogs, "queues");
        for (const Value* c : list_of(&*figures, "components")) {
            const std::string name = text_of(c, "name");
            const auto queue = std::find_if(waiting.begin(), waiting.end(),
                                            [&](const Value* q) { return text_of(q, "component") == name; });
            rows.push_back({name, is_true(c, "ready") ? "ready" : text_of(c, "cause"), rate(c, "received"),
                            rate(c, "done"), rate(c, "failed"), known(c, "in_flight"),
                            known(c, "workers_busy") + "/" + known(c, "workers"),
                            queue == waiting.end() ? "-" : known(*queue, "ready"),
                            text_of(c, "input") + " (" + text_of(c, "connector") + ")"});
        }
        print_table(rows);
        print_whys(status_, "why ");
        return exit_ok;
    }

    int pause() {
        const bool paused = options_.what == Operate::What::pause;
        std::vector<std::string> names = options_.components;
        if (options_.all) {
            for (const Value* component : list_of(&status_, "components"))
                names.push_back(text_of(component, "name"));
        }
        int code = exit_ok;
        for (const std::string& name : names) {
            const auto answer =
                client_.post("/api/v1/components/" + url_escaped(name) + (paused ? "/pause" : "/resume"));
            const int one = written(answer, name + (paused ? " is paused" : " goes on"));
            if (one != exit_ok) code = one;
        }
        return code;
    }

    int log_level() {
        std::string path = "/api/v1/log?level=" + url_escaped(options_.level);
        if (!options_.duration.empty()) path += "&for=" + url_escaped(options_.duration);
        return written(client_.post(path), "the log level is " + options_.level +
                                               (options_.duration.empty() ? " until the next reload"
                                                                          : " for " + options_.duration));
    }

    // Reports what a write did.
    int written(const Result<EngineAnswer>& answer, const std::string& done) const {
        if (const int wrong = complain(answer); wrong != exit_ok) return wrong;
        if (options_.json)
            print_json(without_end(answer->body));
        else
            print_bytes(done);
        return exit_ok;
    }

    int reload() {
        const auto asked = client_.post("/api/v1/reload");
        if (const int wrong = complain(asked); wrong != exit_ok) return wrong;
        const auto request = object(asked);
        if (!request) return report(request.error());
        const double number = number_of(&*request, "number");
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options_.timeout);
        while (std::chrono::steady_clock::now() < end) {
            const auto answer = client_.get("/api/v1/status");
            if (const int wrong = complain(answer); wrong != exit_ok) return wrong;
            const auto status = object(answer);
            if (!status) return report(status.error());
            const Value* verdict = member_of(&*status, "reload");
            const std::string state = text_of(verdict, "state");
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
        std::string text = text_of(verdict, "text");
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

    EngineClient client_;
    const Operate& options_;
    std::string status_text_;
    rapidjson::Document status_;
};

}  // namespace

int operate(const std::string& config_file, const Operate& options) {
    auto address = engine_address(config_file, options.address);
    if (!address) {
        say(address.error().text);
        return exit_config;
    }
    return Command(EngineClient(std::move(*address)), options).run();
}

}  // namespace volley::cli
