// One connection to the broker, with one channel. An error that closes the channel also drops the connection;
// the next open connects again. Deliveries of the old channel then belong to the broker again.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config.hpp"
#include "rabbitmq.hpp"

namespace volley::amqp {

inline constexpr amqp_channel_t channel = 1;

inline std::string_view text_of(const amqp_bytes_t& bytes) {
    return {static_cast<const char*>(bytes.bytes), bytes.len};
}

// Borrows the text.
inline amqp_bytes_t bytes_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

// Used by one thread at a time.
class Connection {
public:
    // heartbeat_s: 0 for a connection that no thread serves while it is idle.
    Connection(Settings settings, int heartbeat_s)
        : settings_(std::move(settings)), heartbeat_s_(heartbeat_s) {}

    // Connects, logs in and opens the channel, if it is not open. Throws Error: retry, unauthorized, config.
    void open();
    bool is_open() const { return state_ != nullptr; }
    void drop() { state_.reset(); }
    // Closes the connection with a handshake: the broker has then processed everything that was sent. Throws
    // nothing.
    void close(int timeout_ms);
    // Increases with each opened connection: delivery tags of an earlier one are void.
    std::uint64_t epoch() const { return epoch_; }

    // Waits this long for a frame, or until the file descriptor `interrupt` is readable (-1: none), and
    // serves heartbeats. Invalidates the data of the previous frame. Throws if the channel or the connection
    // is closed.
    bool next_frame(amqp_frame_t& frame, std::int64_t ms, int interrupt);
    // Throws the error of a failed call, and drops the connection. `what` begins the text: "cannot declare
    // …".
    void check(const amqp_rpc_reply_t& reply, const std::string& what);
    void check(const std::string& what) { check(amqp_get_rpc_reply(state()), what); }
    // For the status of a call that only sends.
    void check_sent(int status, const std::string& what);

    amqp_connection_state_t state() const { return state_.get(); }
    const Settings& settings() const { return settings_; }

private:
    struct Destroy {
        void operator()(amqp_connection_state_t state) const { amqp_destroy_connection(state); }
    };

    amqp_socket_t* make_socket();
    void log_in();
    [[noreturn]] void fail(Error error);

    Settings settings_;
    int heartbeat_s_;
    std::unique_ptr<amqp_connection_state_t_, Destroy> state_;
    std::uint64_t epoch_ = 0;
};

// The error for a reply code of AMQP, with the broker's text.
Error error_of_code(const Settings& settings, const std::string& what, int code, std::string_view text);

}  // namespace volley::amqp
