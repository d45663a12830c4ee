// Asks a running engine over its HTTP API.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "volley/config.hpp"
#include "volley/error.hpp"

namespace volley::cli {

// Where an engine listens, and what it asks for.
struct EngineAddress {
    std::string host;
    std::uint16_t port = 0;
    std::string token;
    // The application that is expected there; empty: any. Two engines on one machine are easily mixed up.
    std::string app;
};

struct EngineAnswer {
    int status = 0;
    std::string body;
};

// Takes it from the configuration, or from `given`: "127.0.0.1:3000", "[::1]:3000". With a given address any
// application may answer. VOLLEY_TOKEN replaces the token. Errors: config, with a text that says what to do.
Result<EngineAddress> engine_address(const std::string& config_file, const std::string& given);

class EngineClient {
public:
    explicit EngineClient(EngineAddress address) : address_(std::move(address)) {}

    // Errors: retry, if nothing answers.
    Result<EngineAnswer> get(const std::string& path) const;
    Result<EngineAnswer> post(const std::string& path) const;
    // The first of the API's events: an object with everything that a dashboard shows.
    Result<EngineAnswer> event() const;
    // Calls `take` with the data of each event of a stream until it returns false. Returns an answer with the
    // status 200 then, or the answer that is no stream. Errors: retry, if nothing answers or the stream ends.
    Result<EngineAnswer> stream(const std::string& path,
                                const std::function<bool(const std::string& data)>& take) const;

    const EngineAddress& address() const { return address_; }
    // "127.0.0.1:3000"
    std::string where() const;

private:
    Error no_answer(const std::string& cause) const;
    Result<EngineAnswer> ask(bool writes, const std::string& path) const;

    EngineAddress address_;
};

}  // namespace volley::cli
