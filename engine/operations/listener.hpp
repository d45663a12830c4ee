// The listening sockets of the operations server: one per address of the configured name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "volley/error.hpp"

namespace volley::operations {

struct Listener {
    Listener() = default;
    ~Listener();
    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&& other) noexcept;

    void close();

    std::vector<int> sockets;  // listening, non-blocking
    std::uint16_t port = 0;
    bool loopback_only = false;
};

// Binds all addresses of `host`, a name or an IPv4 or IPv6 address without brackets, to the same port. Port 0
// takes a free one. Errors: config with the system's reason; retry if the process has no more descriptors.
Result<Listener> listen_on(const std::string& host, std::uint16_t port);

// "127.0.0.1:3000", "[::1]:3000".
std::string address_text(const std::string& host, std::uint16_t port);

}  // namespace volley::operations
