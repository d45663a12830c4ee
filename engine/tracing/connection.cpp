#include "tracing/connection.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include "tracing/name_lookup.hpp"

namespace volley::tracing {

namespace {

using Context = std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)>;
using Session = std::unique_ptr<SSL, void (*)(SSL*)>;

Error failed(const std::string& what) { return Error(ErrorCode::retry, what); }

Error failed(const std::string& what, int number) {
    return failed(what + ": " + std::generic_category().message(number));
}

Error too_late() { return failed("the collector does not answer in time"); }

std::string tls_reason() {
    const unsigned long code = ::ERR_get_error();
    ::ERR_clear_error();
    const char* const reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
    return reason == nullptr ? "the connection ends" : reason;
}

bool is_address(const std::string& host) {
    const std::unique_ptr<ASN1_OCTET_STRING, void (*)(ASN1_OCTET_STRING*)> address(
        ::a2i_IPADDRESS(host.c_str()), &::ASN1_OCTET_STRING_free);
    return address != nullptr;
}

// Returns false if the deadline has passed.
bool wait_for(int socket, short events, const Deadline& deadline) {
    while (!deadline.has_passed()) {
        pollfd one{socket, events, 0};
        if (::poll(&one, 1, deadline.slice_ms()) > 0) return true;
    }
    return false;
}

Result<void> connect_to(int socket, const addrinfo& address, const Deadline& deadline) {
    if (::connect(socket, address.ai_addr, address.ai_addrlen) == 0) return {};
    if (errno != EINPROGRESS) return failed("cannot connect", errno);
    if (!wait_for(socket, POLLOUT, deadline)) return failed("cannot connect in time");
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return failed("cannot connect", error);
    return {};
}

}  // namespace

struct Connection::Parts {
    int socket = -1;
    Context context{nullptr, &::SSL_CTX_free};
    Session session{nullptr, &::SSL_free};

    ~Parts() {
        session.reset();
        if (socket >= 0) ::close(socket);
    }

    Result<void> connect(const Endpoint& endpoint, const Deadline& deadline);
    Result<void> begin_tls(const Endpoint& endpoint, const Deadline& deadline);
    Result<void> wait_for_tls(int result, const Deadline& deadline);
};

Result<void> Connection::Parts::connect(const Endpoint& endpoint, const Deadline& deadline) {
    auto addresses = look_up(endpoint.host, endpoint.port, deadline);
    if (!addresses) return addresses.error();
    Result<void> connected = failed("the host has no address");
    for (const addrinfo* at = addresses->get(); at != nullptr; at = at->ai_next) {
        if (socket >= 0) ::close(socket);
        socket = ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (socket < 0) {
            connected = failed("no socket", errno);
            continue;
        }
        const int on = 1;
        static_cast<void>(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
        connected = connect_to(socket, *at, deadline);
        if (connected || deadline.has_passed()) break;
    }
    return connected;
}

// Waits for what a call on the session that returned `result` needs.
Result<void> Connection::Parts::wait_for_tls(int result, const Deadline& deadline) {
    switch (::SSL_get_error(session.get(), result)) {
        case SSL_ERROR_WANT_READ:
            if (wait_for(socket, POLLIN, deadline)) return {};
            return too_late();
        case SSL_ERROR_WANT_WRITE:
            if (wait_for(socket, POLLOUT, deadline)) return {};
            return too_late();
        default:
            return failed("TLS: " + tls_reason());
    }
}

Result<void> Connection::Parts::begin_tls(const Endpoint& endpoint, const Deadline& deadline) {
    ::ERR_clear_error();
    context.reset(::SSL_CTX_new(::TLS_client_method()));
    if (context == nullptr) return failed("TLS: " + tls_reason());
    ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    const bool has_authorities =
        endpoint.ca_file.empty()
            ? ::SSL_CTX_set_default_verify_paths(context.get()) == 1
            : ::SSL_CTX_load_verify_locations(context.get(), endpoint.ca_file.c_str(), nullptr) == 1;
    if (!has_authorities) return failed("TLS: the certificates of the authorities cannot be read");
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    session.reset(::SSL_new(context.get()));
    if (session == nullptr) return failed("TLS: " + tls_reason());
    std::string host = endpoint.host;
    const bool is_named =
        is_address(host) ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(session.get()), host.c_str()) == 1
                         : ::SSL_set1_host(session.get(), host.c_str()) == 1 &&
                               ::SSL_ctrl(session.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                          TLSEXT_NAMETYPE_host_name, host.data()) == 1;
    if (!is_named || ::SSL_set_fd(session.get(), socket) != 1) return failed("TLS: " + tls_reason());
    for (;;) {
        ::ERR_clear_error();
        const int result = ::SSL_connect(session.get());
        if (result == 1) return {};
        if (const long verified = ::SSL_get_verify_result(session.get()); verified != X509_V_OK)
            return failed(std::string("TLS: the collector's certificate is refused: ") +
                          ::X509_verify_cert_error_string(verified));
        if (auto waited = wait_for_tls(result, deadline); !waited) return waited;
    }
}

Connection::Connection(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Result<Connection> Connection::open(const Endpoint& endpoint, const Deadline& deadline) {
    auto parts = std::make_unique<Parts>();
    if (auto connected = parts->connect(endpoint, deadline); !connected) return connected.error();
    if (endpoint.tls) {
        if (auto begun = parts->begin_tls(endpoint, deadline); !begun) return begun.error();
    }
    return Connection(std::move(parts));
}

Result<void> Connection::write(std::string_view bytes, const Deadline& deadline) {
    constexpr std::size_t most = 64 * 1024;
    while (!bytes.empty()) {
        if (deadline.has_passed()) return too_late();
        const std::size_t size = std::min(bytes.size(), most);
        if (parts_->session) {
            ::ERR_clear_error();
            const int written = ::SSL_write(parts_->session.get(), bytes.data(), static_cast<int>(size));
            if (written > 0) {
                bytes.remove_prefix(static_cast<std::size_t>(written));
            } else if (auto waited = parts_->wait_for_tls(written, deadline); !waited) {
                return waited;
            }
            continue;
        }
        const ssize_t written = ::send(parts_->socket, bytes.data(), size, MSG_NOSIGNAL);
        if (written >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno != EAGAIN && errno != EINTR) {
            return failed("cannot send", errno);
        } else if (errno == EAGAIN && !wait_for(parts_->socket, POLLOUT, deadline)) {
            return too_late();
        }
    }
    return {};
}

Result<std::size_t> Connection::read(char* out, std::size_t size, const Deadline& deadline) {
    for (;;) {
        if (deadline.has_passed()) return too_late();
        if (parts_->session) {
            ::ERR_clear_error();
            const int got = ::SSL_read(parts_->session.get(), out, static_cast<int>(size));
            if (got > 0) return static_cast<std::size_t>(got);
            if (::SSL_get_error(parts_->session.get(), got) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
            if (auto waited = parts_->wait_for_tls(got, deadline); !waited) return waited.error();
            continue;
        }
        const ssize_t got = ::recv(parts_->socket, out, size, 0);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EAGAIN && errno != EINTR) return failed("cannot read the answer", errno);
        if (errno == EAGAIN && !wait_for(parts_->socket, POLLIN, deadline)) return too_late();
    }
}

}  // namespace volley::tracing
