// The HTTP API of a running engine, under /api/v1/: routes and writes. docs/openapi.yaml describes it. Knows
// nothing of connections; the caller has decided who may call. Thread: the server's.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "operations/controls.hpp"
#include "operations/history.hpp"
#include "operations/rates.hpp"

namespace volley::operations {

struct ApiRequest {
    std::string method;
    std::string path;  // decoded, without the query
    std::multimap<std::string, std::string> parameters;
    std::string client;  // who asks, for the audit
    std::string from;    // the client's address
};

struct ApiResponse {
    int status = 200;
    std::string body;     // JSON
    bool events = false;  // the body is the first of the events
    std::string allow;    // of status 405
};

bool is_api_path(const std::string& path);

// What a client gets instead of an answer: {"error": text}.
std::string error_body(const std::string& text);

class Api {
public:
    explicit Api(Controls controls) : controls_(std::move(controls)) {}

    ApiResponse answer(const ApiRequest& request);
    // Takes the sample of this second, and returns an event with everything that a dashboard shows if one is
    // `wanted`.
    std::string tick(bool wanted);

private:
    ApiResponse read(const std::string& what);
    ApiResponse write(const std::string& what, const ApiRequest& request);
    ApiResponse pause(const std::string& component, bool paused, const ApiRequest& request);
    ApiResponse limit_workers(const std::string& component, const ApiRequest& request);
    ApiResponse limit_rate(const std::string& component, const ApiRequest& request);
    ApiResponse set_log_level(const ApiRequest& request);
    std::string event();
    static void audit(const std::string& what, const std::string& about, const ApiRequest& request);

    Controls controls_;
    Rates rates_;
    History history_;
};

}  // namespace volley::operations
