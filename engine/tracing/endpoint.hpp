// The address of a collector.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace volley::tracing {

struct Endpoint {
    bool tls = false;
    std::string host;  // without the brackets of an IPv6 address
    std::string port;
    std::string path;     // with the query; begins with a slash
    std::string ca_file;  // certificates of authorities; empty: the system's

    // For log lines: no path and no query, which may hold a key.
    std::string shown() const;
    // The value of the header Host.
    std::string authority() const;
};

// Reads http://host:port/path or https://…. Returns nothing for any other text.
std::optional<Endpoint> parse_endpoint(std::string_view url);

}  // namespace volley::tracing
