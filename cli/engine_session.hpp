// A running engine that commands ask: who answers there, and what is wrong with an answer. Thread: one at a
// time.
#pragma once

#include <rapidjson/document.h>

#include <string>
#include <utility>

#include "engine_client.hpp"

namespace volley::cli {

class EngineSession {
public:
    explicit EngineSession(EngineClient client) : client_(std::move(client)) {}

    const EngineClient& client() const { return client_; }
    // Asks for the status, and refuses another application than the configuration's. Returns the exit code,
    // after saying what is wrong.
    int look_who_answers();
    // What look_who_answers() was told.
    const rapidjson::Value& status() const { return status_; }
    const std::string& status_text() const { return status_text_; }

    // Returns what is wrong with an answer, and the exit code for it; exit code 0 if nothing is.
    std::pair<int, std::string> wrong_with(const Result<EngineAnswer>& answer) const;
    // The same, said.
    int complain(const Result<EngineAnswer>& answer) const;
    // The answer's JSON. Errors: retry, if it is no object.
    Result<rapidjson::Document> object(const Result<EngineAnswer>& answer) const;

private:
    EngineClient client_;
    std::string status_text_;
    rapidjson::Document status_;
};

}  // namespace volley::cli
