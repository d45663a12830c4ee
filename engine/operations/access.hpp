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
    bool writes = false;     // it changes something
};

struct Refusal {
    int status = 403;  // or 401: a token is missing or wrong
    std::string text;  // one line for the client
};

// Returns why the request is refused, or nothing.
std::optional<Refusal> refusal(const Access& access, const Claims& claims);

// Who makes a request that is not refused, for the audit: the user of Basic authentication, whom nothing
// verifies, "token", or "local" if no token is configured.
std::string name_of_client(const Access& access, const Claims& claims);

// Compares in constant time.
bool same_secret(const std::string& given, const std::string& secret);

}  // namespace volley::operations
