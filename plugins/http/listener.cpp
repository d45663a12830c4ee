#include "listener.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "volley/error.hpp"

namespace volley::http {

namespace {

bool is_loopback(const sockaddr* address) {
    if (address->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    }
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

std::string port_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "?";
    const in_port_t port = address.ss_family == AF_INET6
                               ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                               : reinterpret_cast<sockaddr_in*>(&address)->sin_port;
    return std::to_string(ntohs(port));
}

}  // namespace

Socket::~Socket() {
    if (fd_ >= 0) ::close(fd_);
}

Listener listen_on(const std::string& host, const std::string& port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string at = (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":";
    if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0)
        throw Error(code == EAI_AGAIN ? ErrorCode::retry : ErrorCode::config,
                    "http: cannot listen on " + at + port + ": " + ::gai_strerror(code), "/listen");
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, &::freeaddrinfo);
    int error_number = 0;
    for (const addrinfo* a = all.get(); a != nullptr; a = a->ai_next) {
        Socket socket(::socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol));
        const int on = 1;
        if (socket && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
            ::bind(socket.get(), a->ai_addr, a->ai_addrlen) == 0 && ::listen(socket.get(), 128) == 0) {
            Listener listener;
            listener.address = at + port_of(socket.get());
            listener.is_loopback = is_loopback(a->ai_addr);
            listener.socket = std::move(socket);
            return listener;
        }
        error_number = errno;
    }
    const bool needs_a_person = error_number == EACCES || error_number == EADDRNOTAVAIL;
    throw Error(needs_a_person ? ErrorCode::config : ErrorCode::retry,
                "http: cannot listen on " + at + port + ": " + std::strerror(error_number), "/listen");
}

Socket make_waker() {
    Socket waker(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!waker) throw Error(ErrorCode::retry, "http: no event descriptor can be made");
    return waker;
}

}  // namespace volley::http
