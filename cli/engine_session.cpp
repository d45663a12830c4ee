#include "engine_session.hpp"

#include "json_fields.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"

namespace volley::cli {

std::pair<int, std::string> EngineSession::wrong_with(const Result<EngineAnswer>& answer) const {
    if (!answer) return {exit_unavailable, answer.error().text};
    if (answer->status < 300) return {exit_ok, {}};
    rapidjson::Document body;
    body.Parse<rapidjson::kParseIterativeFlag>(answer->body.c_str(), answer->body.size());
    const std::string error = body.HasParseError() ? std::string() : string_of(&body, "error");
    const std::string what = error.empty() ? "status " + std::to_string(answer->status) : error;
    const bool no_api = answer->status == 404 && error.empty();
    const std::string text = client_.where() + ": " + what + (no_api ? "; is this a volleyd?" : "");
    if (answer->status == 401 || answer->status == 403) return {exit_no_permission, text};
    return {answer->status == 404 || answer->status == 400 || answer->status == 409 ? exit_usage
                                                                                    : exit_unavailable,
            text};
}

int EngineSession::complain(const Result<EngineAnswer>& answer) const {
    const auto [code, text] = wrong_with(answer);
    if (code != exit_ok) say(text);
    return code;
}

Result<rapidjson::Document> EngineSession::object(const Result<EngineAnswer>& answer) const {
    rapidjson::Document body;
    body.Parse<rapidjson::kParseIterativeFlag>(answer->body.c_str(), answer->body.size());
    if (body.HasParseError() || !body.IsObject())
        return Error(ErrorCode::retry, client_.where() + " answers something else than an engine does");
    return body;
}

int EngineSession::look_who_answers() {
    const auto answer = client_.get("/api/v1/status");
    if (const int wrong = complain(answer); wrong != exit_ok) return wrong;
    auto body = object(answer);
    if (!body) return report(body.error());
    status_text_ = answer->body;
    status_ = std::move(*body);
    const std::string app = string_of(&status_, "app");
    if (client_.address().app.empty() || app == client_.address().app) return exit_ok;
    say("on " + client_.where() + " runs \"" + app + "\", not \"" + client_.address().app +
        "\": another configuration. Give --config, or --address if you mean it");
    return exit_unavailable;
}

}  // namespace volley::cli
