#include "engine_client.hpp"

#include <httplib.h>

#include <cstdlib>
#include <optional>
#include <string_view>

#include "config/load.hpp"
#include "text/number.hpp"

namespace volley::cli {

namespace {

constexpr std::chrono::seconds patience{5};

std::string in_brackets(const std::string& host) {
    return host.find(':') != std::string::npos ? "[" + host + "]" : host;
}

// A server that listens on all addresses is reached on loopback.
std::string reachable(const std::string& host) {
    if (host == "0.0.0.0") return "127.0.0.1";
    if (host == "::") return "::1";
    return host;
}

Result<EngineAddress> parse(const std::string& given) {
    const std::size_t colon = given.rfind(':');
    std::string host = colon == std::string::npos ? "" : given.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const auto port = colon == std::string::npos ? std::nullopt : text::whole_number(given.substr(colon + 1));
    if (host.empty() || !port || *port == 0 || *port > 65535)
        return Error(ErrorCode::config, "\"" + given + "\" is no address such as 127.0.0.1:3000");
    return EngineAddress{host, static_cast<std::uint16_t>(*port), {}, {}};
}

Result<EngineAddress> from_config(const std::string& file) {
    auto loaded = config::load_file(file, config::environment());
    // A file with mistakes may still say where the engine is that runs with the file as it was before.
    const std::optional<Config>& config = loaded.config ? loaded.config : loaded.readable;
    if (!config) {
        return Error(ErrorCode::config, "where is the engine? " + file +
                                            " cannot be read; give --config or --address HOST:PORT");
    }
    const OperationsConfig& operations = config->operations;
    if (!operations.enabled)
        return Error(ErrorCode::config, file + " says `operations: off`, so that its engine cannot be asked");
    if (operations.port == 0) {
        return Error(ErrorCode::config, file +
                                            " lets the engine choose a port, which its log names; give "
                                            "--address HOST:PORT");
    }
    return EngineAddress{reachable(operations.host), operations.port, operations.token, config->app};
}

void prepare(httplib::Client& client) {
    client.set_connection_timeout(patience);
    client.set_read_timeout(patience);
    client.set_url_encode(false);
}

httplib::Headers headers_for(const EngineAddress& address) {
    httplib::Headers headers;
    if (!address.token.empty()) headers.emplace("Authorization", "Bearer " + address.token);
    return headers;
}

}  // namespace

Result<EngineAddress> engine_address(const std::string& config_file, const std::string& given) {
    auto address = given.empty() ? from_config(config_file) : parse(given);
    if (!address) return address;
    if (const char* token = std::getenv("VOLLEY_TOKEN"); token != nullptr && *token != '\0') {
        address->token = token;
    } else if (!given.empty()) {
        const auto loaded = config::load_file(config_file, config::environment());
        if (loaded.config) address->token = loaded.config->operations.token;
    }
    return address;
}

std::string EngineClient::where() const {
    return in_brackets(address_.host) + ":" + std::to_string(address_.port);
}

Result<EngineAnswer> EngineClient::get(const std::string& path) const { return ask(false, path); }
Result<EngineAnswer> EngineClient::post(const std::string& path) const { return ask(true, path); }

Error EngineClient::no_answer(const std::string& cause) const {
    return {ErrorCode::retry, "no engine answers on " + where() + " (" + cause + "). Is volleyd running?"};
}

Result<EngineAnswer> EngineClient::ask(bool writes, const std::string& path) const {
    httplib::Client client(address_.host, address_.port);
    prepare(client);
    const auto headers = headers_for(address_);
    const auto answer =
        writes ? client.Post(path, headers, std::string(), "text/plain") : client.Get(path, headers);
    if (!answer) return no_answer(httplib::to_string(answer.error()));
    return EngineAnswer{answer->status, answer->body};
}

Result<EngineAnswer> EngineClient::event() const {
    std::string first;
    auto answer = stream("/api/v1/events", [&](const std::string& data) {
        first = data;
        return false;
    });
    if (answer && answer->status == 200) answer->body = std::move(first);
    return answer;
}

Result<EngineAnswer> EngineClient::stream(const std::string& path,
                                          const std::function<bool(const std::string& data)>& take) const {
    constexpr std::size_t longest_event = 64U << 20U;
    constexpr std::string_view begin = "data: ";
    constexpr std::string_view end = "\n\n";
    httplib::Client client(address_.host, address_.port);
    prepare(client);
    EngineAnswer got;
    bool is_over = false;  // `take` has enough
    const auto answer = client.Get(
        path, headers_for(address_),
        [&](const httplib::Response& response) {
            got.status = response.status;
            return true;
        },
        [&](const char* bytes, std::size_t size) {
            got.body.append(bytes, size);
            if (got.body.size() > longest_event) return false;
            if (got.status != 200) return true;
            for (std::size_t to = got.body.find(end); to != std::string::npos && !is_over;
                 to = got.body.find(end)) {
                const std::size_t from = got.body.find(begin);
                if (from < to)
                    is_over = !take(got.body.substr(from + begin.size(), to - from - begin.size()));
                got.body.erase(0, to + end.size());
            }
            return !is_over;
        });
    if (got.status == 0) return no_answer(httplib::to_string(answer.error()));
    if (got.status == 200 && !is_over) return no_answer("the stream has ended");
    return got;
}

}  // namespace volley::cli
