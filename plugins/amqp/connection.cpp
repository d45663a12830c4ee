#include "connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "rabbitmq.hpp"

namespace volley::amqp {

namespace {

constexpr int frame_max = 131'072;
constexpr int keep_alive_s = 30;

timeval to_timeval(int ms) { return {ms / 1000, (ms % 1000) * 1000}; }

// Detects a peer that has vanished, so that no send hangs forever.
void limit_silence(int fd, int ms) {
    const int on = 1, idle = keep_alive_s, user_timeout = std::max(ms, 1000);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
}

// The close method, if this is one.
struct Close {
    int code = 0;
    std::string_view text;
};

Close close_of(const amqp_method_t& method) {
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const auto* m = static_cast<const amqp_channel_close_t*>(method.decoded);
        return {m->reply_code, text_of(m->reply_text)};
    }
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const auto* m = static_cast<const amqp_connection_close_t*>(method.decoded);
        return {m->reply_code, text_of(m->reply_text)};
    }
    return {};
}

}  // namespace

Error error_of_code(const Settings& settings, const std::string& what, int code, std::string_view text) {
    const std::string said = what + ": the broker at " + settings.place() + " says: " + std::string(text);
    switch (code) {
        case AMQP_ACCESS_REFUSED:
            return Error(ErrorCode::unauthorized,
                         said + ". Check username and password, and the user's permissions");
        case AMQP_NOT_FOUND:
            return Error(ErrorCode::config, said + ". Create it, or check its name");
        case AMQP_PRECONDITION_FAILED:
            if (text.find("inequivalent") != std::string_view::npos) {
                return Error(ErrorCode::config,
                             said + ". It exists with other options: use the same ones, or declare: passive");
            }
            if (text.find("timed out") != std::string_view::npos) {
                return Error(ErrorCode::retry,
                             said + ". A handler took longer than the broker's consumer_timeout");
            }
            return Error(ErrorCode::fatal, said);
        case AMQP_NOT_ALLOWED:
            return Error(ErrorCode::config, said + ". Check vhost", "/vhost");
        case AMQP_CHANNEL_ERROR:
        case AMQP_COMMAND_INVALID:
        case AMQP_SYNTAX_ERROR:
        case AMQP_UNEXPECTED_FRAME:
        case AMQP_NOT_IMPLEMENTED:
            return Error(ErrorCode::fatal, said);
        default:
            return Error(ErrorCode::retry, said);
    }
}

void Connection::fail(Error error) {
    state_.reset();
    throw error;
}

void Connection::check(const amqp_rpc_reply_t& reply, const std::string& what) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
        const Close close = close_of(reply.reply);
        fail(error_of_code(settings_, what, close.code, close.text));
    }
    const int status = reply.library_error;
    const std::string why = reply.reply_type == AMQP_RESPONSE_NONE ? "no reply" : amqp_error_string2(status);
    fail(Error(ErrorCode::retry, what + ": the broker at " + settings_.place() + " does not answer: " + why));
}

void Connection::check_sent(int status, const std::string& what) {
    if (status == AMQP_STATUS_OK) return;
    fail(Error(ErrorCode::retry, what + ": the connection to the broker at " + settings_.place() +
                                     " is broken: " + amqp_error_string2(status)));
}

amqp_socket_t* Connection::make_socket() {
    if (!settings_.tls) return amqp_tcp_socket_new(state());
    amqp_socket_t* socket = amqp_ssl_socket_new(state());
    if (socket == nullptr) return nullptr;
    const auto require = [this](int status, const char* key, const std::string& file) {
        if (status == AMQP_STATUS_OK) return;
        fail(Error(ErrorCode::config, "cannot use " + file + ": " + amqp_error_string2(status),
                   std::string("/") + key));
    };
    require(amqp_ssl_socket_set_cacert(socket, settings_.tls_ca.c_str()), "tls_ca", settings_.tls_ca);
    if (!settings_.tls_cert.empty()) {
        require(amqp_ssl_socket_set_key(socket, settings_.tls_cert.c_str(), settings_.tls_key.c_str()),
                "tls_cert", settings_.tls_cert + " and " + settings_.tls_key);
    }
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    return socket;
}

void Connection::log_in() {
    // A client without these capabilities is not notified when the broker stops accepting messages, or when
    // its consumer ends because the queue was deleted.
    amqp_table_entry_t capabilities[2] = {};
    capabilities[0].key = amqp_cstring_bytes("connection.blocked");
    capabilities[1].key = amqp_cstring_bytes("consumer_cancel_notify");
    for (amqp_table_entry_t& one : capabilities) {
        one.value.kind = AMQP_FIELD_KIND_BOOLEAN;
        one.value.value.boolean = 1;
    }
    amqp_table_entry_t entry{};
    entry.key = amqp_cstring_bytes("capabilities");
    entry.value.kind = AMQP_FIELD_KIND_TABLE;
    entry.value.value.table = {2, capabilities};
    const amqp_table_t properties{1, &entry};
    const amqp_rpc_reply_t reply = amqp_login_with_properties(
        state(), settings_.vhost.c_str(), 0, frame_max, heartbeat_s_, &properties, AMQP_SASL_METHOD_PLAIN,
        settings_.username.c_str(), settings_.password.c_str());
    check(reply, "cannot log in as " + settings_.username);
}

void Connection::open() {
    if (state_) return;
    state_.reset(amqp_new_connection());
    if (!state_) throw Error(ErrorCode::retry, "out of memory");
    const timeval connect_timeout = to_timeval(settings_.connect_timeout_ms);
    timeval connecting = connect_timeout;
    const timeval command_timeout = to_timeval(settings_.command_timeout_ms);
    amqp_set_handshake_timeout(state(), &connect_timeout);
    amqp_set_rpc_timeout(state(), &command_timeout);
    amqp_socket_t* socket = make_socket();
    if (socket == nullptr) fail(Error(ErrorCode::retry, "out of memory"));
    const int status = amqp_socket_open_noblock(socket, settings_.host.c_str(), settings_.port, &connecting);
    if (status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED || status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED) {
        fail(Error(ErrorCode::config,
                   "TLS to the broker at " + settings_.place() + ": " + amqp_error_string2(status) +
                       ". Is tls_ca its authority, and host its name?",
                   "/tls"));
    }
    if (status != AMQP_STATUS_OK) {
        fail(Error(ErrorCode::retry, "cannot reach the broker at " + settings_.place() + " (" +
                                         amqp_error_string2(status) + "). Is it up?"));
    }
    limit_silence(amqp_get_sockfd(state()), settings_.command_timeout_ms);
    log_in();
    amqp_channel_open(state(), channel);
    check("cannot open a channel");
    ++epoch_;
}

bool Connection::next_frame(amqp_frame_t& frame, std::int64_t ms, int interrupt) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(ms);
    amqp_maybe_release_buffers(state());
    for (bool is_over = false;;) {
        const timeval none{};
        const int status = amqp_simple_wait_frame_noblock(state(), &frame, &none);
        if (status == AMQP_STATUS_OK) break;
        if (status != AMQP_STATUS_TIMEOUT) check_sent(status, "cannot receive");
        if (is_over) return false;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
        // Once a second a heartbeat may be due.
        pollfd fds[] = {{amqp_get_sockfd(state()), POLLIN, 0}, {interrupt, POLLIN, 0}};
        const auto wait = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
        const int ready = poll(fds, 2, wait);
        is_over = (ready > 0 && fds[0].revents == 0) || (ready == 0 && left <= wait);
    }
    if (frame.frame_type == AMQP_FRAME_METHOD) {
        if (const Close close = close_of(frame.payload.method); close.code != 0)
            fail(error_of_code(settings_, "the channel was closed", close.code, close.text));
    }
    return true;
}

void Connection::close(int timeout_ms) {
    if (!state_) return;
    const timeval timeout = to_timeval(std::max(timeout_ms, 1));
    amqp_set_rpc_timeout(state(), &timeout);
    amqp_connection_close(state(), AMQP_REPLY_SUCCESS);
    state_.reset();
}

}  // namespace volley::amqp
