#include "operations/access.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>

namespace volley::operations {

namespace {

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// "[::1]:3000" → "::1", "Localhost:3000" → "localhost".
std::string host_of(const std::string& authority) {
    if (!authority.empty() && authority.front() == '[')
        return lower(authority.substr(1, authority.find(']') - 1));
    return lower(authority.substr(0, authority.find(':')));
}

// Names by which a browser on this machine reaches the server. With DNS rebinding, a page of another site
// reaches 127.0.0.1 under the name of that site.
bool is_local_name(const std::string& host) {
    const bool number = host.find_first_not_of("0123456789.") == std::string::npos;
    return host == "localhost" || host == "::1" || (number && host.rfind("127.", 0) == 0) ||
           (host.size() > 10 && host.ends_with(".localhost"));
}

// What "Basic base64(user:password)" holds, as browsers and curl -u send it. Empty if it is invalid.
struct Basic {
    std::string user;
    std::string password;
};

Basic basic_of(std::string_view encoded) {
    std::string text;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : encoded) {
        static constexpr std::string_view digits =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const std::size_t digit = digits.find(c);
        if (digit == std::string_view::npos) break;
        bits = (bits << 6) | static_cast<std::uint32_t>(digit);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        text.push_back(static_cast<char>((bits >> count) & 0xFF));
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) return {};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

// A bearer token is the password of nobody.
Basic presented(const std::string& authorization) {
    const std::size_t space = authorization.find(' ');
    if (space == std::string::npos) return {};
    const std::string scheme = lower(authorization.substr(0, space));
    const std::size_t begin = authorization.find_first_not_of(' ', space);
    if (begin == std::string::npos) return {};
    const std::string rest = authorization.substr(begin);
    if (scheme == "bearer") return {{}, rest};
    return scheme == "basic" ? basic_of(rest) : Basic{};
}

// Whether a page of another site makes the request, in the browser of its visitor.
bool is_of_another_site(const Claims& claims) {
    if (!claims.origin.empty()) {
        const std::size_t scheme = claims.origin.find("://");
        const bool same =
            scheme != std::string::npos && lower(claims.origin.substr(scheme + 3)) == lower(claims.host);
        if (!same) return true;
    }
    const bool foreign = claims.fetch_site == "cross-site" || claims.fetch_site == "same-site";
    return foreign && (claims.writes || claims.fetch_mode != "navigate");
}

}  // namespace

bool same_secret(const std::string& given, const std::string& secret) {
    // The time depends only on the length of the secret.
    volatile unsigned difference = given.size() == secret.size() ? 0 : 1;
    for (std::size_t i = 0; i < secret.size(); ++i) {
        const auto theirs = static_cast<unsigned char>(given.empty() ? 0 : given[i % given.size()]);
        difference = difference | (theirs ^ static_cast<unsigned char>(secret[i]));
    }
    return difference == 0;
}

std::optional<Refusal> refusal(const Access& access, const Claims& claims) {
    if (is_of_another_site(claims)) return Refusal{403, "this page refuses requests of other sites"};
    if (!access.token.empty()) {
        if (same_secret(presented(claims.authorization).password, access.token)) return std::nullopt;
        return Refusal{401,
                       "this page needs operations.token, as the header \"Authorization: Bearer TOKEN\" or "
                       "as a password"};
    }
    if (!access.loopback_only) {
        return Refusal{403, "this page needs a token, because it is not on loopback: set operations.token"};
    }
    const std::string host = host_of(claims.host);
    if (claims.host.empty() || is_local_name(host) || host == lower(access.host)) return std::nullopt;
    return Refusal{403, "this page is only for this machine: use the name localhost"};
}

std::string name_of_client(const Access& access, const Claims& claims) {
    if (access.token.empty()) return "local";
    const std::string user = presented(claims.authorization).user;
    return user.empty() ? "token" : user;
}

}  // namespace volley::operations
