// The HTTP API of a running engine, under /api/v1/: routes and writes. docs/openapi.yaml describes it. Knows
// nothing of connections; the caller has decided who may call. Thread: the server's.
#pragma once

#include <chrono>
#include <string>

#include "operations/api_exchange.hpp"
#include "operations/controls.hpp"
#include "operations/dead_letters.hpp"
#include "operations/history.hpp"
#include "operations/rates.hpp"

namespace volley::operations {

bool is_api_path(const std::string& path);

class Api {
public:
    explicit Api(Controls controls)
        : controls_(std::move(controls)), dead_letters_(controls_.queue_config, controls_.make_catalog) {}

    ApiResponse answer(const ApiRequest& request);
    // Takes the sample of this second, and returns an event with everything that a dashboard shows if one is
    // `wanted`.
    std::string tick(bool wanted);
    // Returns false if a connector that was asked for dead letters does not return in time.
    bool stop(std::chrono::milliseconds patience) { return dead_letters_.stop(patience); }

private:
    ApiResponse read(const std::string& what);
    ApiResponse write(const std::string& what, const ApiRequest& request);
    ApiResponse pause(const std::string& component, bool paused, const ApiRequest& request);
    ApiResponse limit_workers(const std::string& component, const ApiRequest& request);
    ApiResponse limit_rate(const std::string& component, const ApiRequest& request);
    ApiResponse tap(const std::string& component, const ApiRequest& request);
    ApiResponse set_log_level(const ApiRequest& request);
    std::string event();
    static void audit(const std::string& what, const std::string& about, const ApiRequest& request);

    Controls controls_;
    DeadLetters dead_letters_;
    Rates rates_;
    History history_;
};

}  // namespace volley::operations
