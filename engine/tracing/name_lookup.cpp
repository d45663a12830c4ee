#include "tracing/name_lookup.hpp"

#include <ctime>

namespace volley::tracing {

namespace {

// What the C library uses while it looks up.
struct Lookup {
    std::string host;
    std::string port;
    addrinfo hints{};
    gaicb request{};
};

}  // namespace

Result<Addresses> look_up(const std::string& host, const std::string& port, const Deadline& deadline) {
    auto lookup = std::make_unique<Lookup>();
    lookup->host = host;
    lookup->port = port;
    lookup->hints.ai_socktype = SOCK_STREAM;
    lookup->hints.ai_flags = AI_ADDRCONFIG;
    lookup->request.ar_name = lookup->host.c_str();
    lookup->request.ar_service = lookup->port.c_str();
    lookup->request.ar_request = &lookup->hints;
    gaicb* list[] = {&lookup->request};
    if (const int error = ::getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr); error != 0)
        return Error(ErrorCode::retry, std::string("cannot look up the host: ") + ::gai_strerror(error));
    int result;
    while ((result = ::gai_error(&lookup->request)) == EAI_INPROGRESS) {
        if (deadline.has_passed()) {
            // If it cannot be cancelled, its memory stays in use.
            if (::gai_cancel(&lookup->request) == EAI_NOTCANCELED) static_cast<void>(lookup.release());
            return Error(ErrorCode::retry, "looking up the host takes too long");
        }
        const timespec slice{0, deadline.slice_ms() * 1'000'000L};
        static_cast<void>(::gai_suspend(list, 1, &slice));
    }
    if (result != 0)
        return Error(ErrorCode::retry, std::string("cannot look up the host: ") + ::gai_strerror(result));
    return Addresses(lookup->request.ar_result, &::freeaddrinfo);
}

}  // namespace volley::tracing
