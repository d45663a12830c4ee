#include "tracing/endpoint.hpp"

#include <algorithm>

namespace volley::tracing {

namespace {

bool is_number_of_port(std::string_view text) {
    constexpr std::size_t most_digits = 5;
    if (text.empty() || text.size() > most_digits) return false;
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
    const int port = std::stoi(std::string(text));
    return port > 0 && port <= 65'535;
}

// What ends a line, or a word of one, cannot be part of a request line or of a header.
bool is_visible(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

std::string Endpoint::authority() const {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + host + "]" : host) + ":" + port;
}

std::string Endpoint::shown() const { return (tls ? "https://" : "http://") + authority(); }

std::optional<Endpoint> parse_endpoint(std::string_view url) {
    constexpr std::string_view plain = "http://", secure = "https://";
    Endpoint endpoint;
    endpoint.tls = url.substr(0, secure.size()) == secure;
    if (!endpoint.tls && url.substr(0, plain.size()) != plain) return std::nullopt;
    if (!is_visible(url)) return std::nullopt;
    url.remove_prefix(endpoint.tls ? secure.size() : plain.size());
    url = url.substr(0, url.find('#'));
    const std::size_t end = std::min(url.find_first_of("/?"), url.size());
    std::string_view authority = url.substr(0, end);
    endpoint.path = url.substr(end);
    if (endpoint.path.empty() || endpoint.path.front() != '/') endpoint.path.insert(0, "/");
    if (authority.find('@') != std::string_view::npos) return std::nullopt;  // use OTEL_EXPORTER_OTLP_HEADERS
    std::string_view port;
    if (!authority.empty() && authority.front() == '[') {
        const std::size_t bracket = authority.find(']');
        if (bracket == std::string_view::npos) return std::nullopt;
        endpoint.host = authority.substr(1, bracket - 1);
        authority.remove_prefix(bracket + 1);
        if (!authority.empty() && authority.front() != ':') return std::nullopt;
        port = authority.empty() ? authority : authority.substr(1);
    } else {
        const std::size_t colon = std::min(authority.find(':'), authority.size());
        endpoint.host = authority.substr(0, colon);
        port = colon < authority.size() ? authority.substr(colon + 1) : std::string_view();
    }
    if (endpoint.host.empty()) return std::nullopt;
    endpoint.port = port.empty() ? (endpoint.tls ? "443" : "80") : std::string(port);
    if (!is_number_of_port(endpoint.port)) return std::nullopt;
    return endpoint;
}

}  // namespace volley::tracing
