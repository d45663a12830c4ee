// Decides who may see more than the health checks. Pure; any thread.
#pragma once

#include <optional>
#include <string>

namespace volley::operations {

struct Access {
    std::string token;  // empty: none is configured
    std::string host;   // of operations.listen
    bool loopback_only = false;
};

// The relevant headers of a request. Empty: absent.
struct Claims {
    std::string authorization;
    std::string host;
    std::string origin;
    std::string fetch_site;  // Sec-Fetch-Site
    std::string fetch_mode;  // Sec-Fetch-Mode
};

// Returns why the request is refused, as one line for the client, or nothing.
std::optional<std::string> refusal(const Access& access, const Claims& claims);

// Compares in constant time.
bool same_secret(const std::string& given, const std::string& secret);

}  // namespace volley::operations
