// The dead letters in the API: reads requests, writes the audit, and lets two threads of its own do the rest,
// one for what reads and one for what writes, so that no other request waits for a store. Thread: the
// server's.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "operations/api_exchange.hpp"
#include "operations/background.hpp"
#include "operations/dead_letter_request.hpp"
#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::operations {

class DeadLetters {
public:
    // The configuration in force, or null. Thread: the server's.
    using GetConfig = std::function<std::shared_ptr<const Config>()>;
    // The plugins of a configuration. Thread: any, also when the engine has ended.
    using MakeCatalog = std::function<std::unique_ptr<plugins::Catalog>(const Config&)>;

    DeadLetters(GetConfig config, MakeCatalog make_catalog);

    // Whether the request is for dead letters. `what`: behind /api/v1/.
    static bool is_route(std::string_view what);
    // Requires: is_route(). `audit` is called before anything is changed.
    ApiResponse answer(std::string_view what, const ApiRequest& request,
                       const std::function<void(const std::string& what, const std::string& about)>& audit);

    // Ends what is being carried out. Returns false if a connector does not return in time: its thread is
    // left behind.
    bool stop(std::chrono::milliseconds patience);

private:
    struct Desk;
    ApiResponse start(LetterRequest request, std::shared_ptr<const Config> config, bool writes,
                      bool with_body) const;

    GetConfig config_;
    std::shared_ptr<Desk> reads_;
    std::shared_ptr<Desk> writes_;
};

}  // namespace volley::operations
