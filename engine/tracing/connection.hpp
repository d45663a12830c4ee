// A TCP connection to a collector, with TLS if its address says https. Every call ends by its deadline.
// Not thread-safe.
#pragma once

#include <memory>
#include <string_view>

#include "tracing/deadline.hpp"
#include "tracing/endpoint.hpp"
#include "volley/error.hpp"

namespace volley::tracing {

class Connection {
public:
    // Blocks. The other side's certificate is checked against its name and the authorities of the endpoint.
    static Result<Connection> open(const Endpoint& endpoint, const Deadline& deadline);
    ~Connection();
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;

    // Writes all of it.
    Result<void> write(std::string_view bytes, const Deadline& deadline);
    // Returns how many bytes were read: 0 at the end.
    Result<std::size_t> read(char* out, std::size_t size, const Deadline& deadline);

private:
    struct Parts;
    explicit Connection(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace volley::tracing
