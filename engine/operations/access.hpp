// Who may see more than the probes. Pure; any thread.
#pragma once

#include <optional>
#include <string>

namespace volley::operations {

struct Access {
    std::string token;  // empty: none is configured
    std::string host;   // operations.listen's
    bool loopback_only = false;
};

// What a request says of itself; absent headers are empty.
struct Claims {
    std::string authorization;
    std::string host;
    std::string origin;
    std::string fetch_site;  // Sec-Fetch-Site
    std::string fetch_mode;  // Sec-Fetch-Mode
};

// Returns why the request is refused, as a line for whoever sent it, or nothing.
std::optional<std::string> refusal(const Access& access, const Claims& claims);

// Takes the same time wherever the two differ.
bool same_secret(const std::string& given, const std::string& secret);

}  // namespace volley::operations
