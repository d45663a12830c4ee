#include "operations/listener.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace volley::operations {

namespace {

constexpr int backlog = 1024;

struct FreeAddresses {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

bool is_loopback(const sockaddr* address) {
    if (address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, address, sizeof v4);
        return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    }
    if (address->sa_family != AF_INET6) return false;
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) || (mapped && v6.sin6_addr.s6_addr[12] == 127);
}

void set_port(sockaddr* address, std::uint16_t port) {
    const std::uint16_t in_network_order = htons(port);
    const std::size_t at =
        address->sa_family == AF_INET ? offsetof(sockaddr_in, sin_port) : offsetof(sockaddr_in6, sin6_port);
    std::memcpy(reinterpret_cast<char*>(address) + at, &in_network_order, sizeof in_network_order);
}

std::uint16_t port_of(int socket) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
    std::uint16_t port = 0;
    const std::size_t at =
        bound.ss_family == AF_INET ? offsetof(sockaddr_in, sin_port) : offsetof(sockaddr_in6, sin6_port);
    std::memcpy(&port, reinterpret_cast<char*>(&bound) + at, sizeof port);
    return ntohs(port);
}

// Returns the listening socket, or -1 with errno. Without SO_REUSEPORT, because two engines would silently
// share one port.
int listening_socket(const addrinfo& address, bool one_of_several) {
    const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    // "::" without this option also accepts IPv4, which conflicts with an IPv4 socket on the same port.
    if (address.ai_family == AF_INET6 && one_of_several)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, backlog) == 0) return fd;
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
}

// Whether the name has an address that the machine does not have, for example because IPv6 is disabled.
bool is_absent(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

Error cannot_bind(const std::string& host, std::uint16_t port, int error) {
    const bool exhausted = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
    std::string text =
        "operations.listen: " + address_text(host, port) + " cannot be bound: " + std::strerror(error);
    if (error == EADDRINUSE) text += "; is another volleyd running? Port 0 takes a free one";
    if (error == EACCES) text += "; ports below 1024 need a privilege";
    return {exhausted ? ErrorCode::retry : ErrorCode::config, std::move(text)};
}

}  // namespace

Listener::~Listener() { close(); }

Listener::Listener(Listener&& other) noexcept
    : sockets(std::exchange(other.sockets, {})), port(other.port), loopback_only(other.loopback_only) {}

Listener& Listener::operator=(Listener&& other) noexcept {
    std::swap(sockets, other.sockets);
    port = other.port;
    loopback_only = other.loopback_only;
    return *this;
}

void Listener::close() {
    for (const int fd : sockets) ::close(fd);
    sockets.clear();
}

std::string address_text(const std::string& host, std::uint16_t port) {
    const bool ipv6 = host.find(':') != std::string::npos;
    return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Listener> listen_on(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int failed = getaddrinfo(host.c_str(), "0", &hints, &found); failed != 0) {
        const bool later = failed == EAI_AGAIN || failed == EAI_MEMORY || failed == EAI_SYSTEM;
        return Error(later ? ErrorCode::retry : ErrorCode::config,
                     "operations.listen: the host \"" + host + "\" is not found: " + gai_strerror(failed));
    }
    const Addresses addresses(found);
    Listener made;
    made.port = port;
    made.loopback_only = true;
    int error = EADDRNOTAVAIL;
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
        set_port(a->ai_addr, made.port);
        const int fd = listening_socket(*a, found->ai_next != nullptr);
        if (fd < 0) {
            error = errno;
            if (is_absent(error)) continue;
            return cannot_bind(host, made.port, error);
        }
        made.sockets.push_back(fd);
        made.port = port_of(fd);
        made.loopback_only = made.loopback_only && is_loopback(a->ai_addr);
    }
    if (made.sockets.empty()) return cannot_bind(host, port, error);
    return made;
}

}  // namespace volley::operations
