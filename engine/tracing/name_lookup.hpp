// Looks up a host's addresses without waiting longer than a deadline: getaddrinfo() itself has none.
#pragma once

#include <netdb.h>

#include <memory>
#include <string>

#include "tracing/deadline.hpp"
#include "volley/error.hpp"

namespace volley::tracing {

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

// Blocks. A lookup that does not end in time goes on in a thread of the C library.
Result<Addresses> look_up(const std::string& host, const std::string& port, const Deadline& deadline);

}  // namespace volley::tracing
