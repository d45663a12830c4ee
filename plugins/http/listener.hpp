// Sockets, and the descriptor that wakes a thread.
#pragma once

#include <string>
#include <utility>

namespace volley::http {

// Closes the descriptor.
class Socket {
public:
    Socket() = default;
    explicit Socket(int fd) : fd_(fd) {}
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Socket();
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_ = -1;
};

struct Listener {
    Socket socket;
    std::string address;  // with the actual port
    bool is_loopback = false;
};

// Throws Error{retry} if the address is in use, Error{config} if it is invalid.
Listener listen_on(const std::string& host, const std::string& port);
// An eventfd. Throws Error{retry}.
Socket make_waker();

}  // namespace volley::http
