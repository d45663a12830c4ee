// One connection to Redis. hiredis connects and parses replies. This class sends and waits by itself, so that
// no SIGPIPE is raised, a whole command has one deadline, and a wait can be interrupted.
//
// After a transport error the connection is dropped, because the outcome of its outstanding commands is
// unknown. The next call reconnects.
#pragma once

#include <hiredis/hiredis.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "reply.hpp"

namespace volley::streams {

using Words = std::vector<std::string_view>;

// Commands in the Redis protocol (RESP), sent together. Binary-safe.
class Request {
public:
    // Begins a command with this number of words, which the caller then adds.
    void begin(std::size_t words);
    void word(std::string_view text);
    void command(const Words& words);

    std::size_t commands() const { return commands_; }
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
    std::size_t commands_ = 0;
};

// A Lua script, and its SHA-1 digest once the server has loaded it. KEYS[1] is the stream.
struct Script {
    const char* text;
    std::string sha = {};
};

// Used by one thread.
class Connection {
public:
    explicit Connection(Settings settings) : settings_(std::move(settings)) {}

    // Connects, authenticates and selects the database, if it is not connected. Throws as command.
    void connect();
    void drop() { context_.reset(); }
    // Lowers all timeouts to this value.
    void limit_timeouts(int ms);

    // Sends a command and returns its reply. Throws Error: retry (nothing was done: there is no connection,
    // or Redis refuses for now), unknown (it was sent, and no reply came), unauthorized, config, fatal.
    Reply command(const Words& words);
    // Runs a script, and loads it first if the server does not have it. Throws as command.
    Reply run(Script& script, const Words& arguments);
    // Sends all commands of a request and returns their replies, error replies included. Throws only if a
    // reply is missing.
    std::vector<Reply> exchange(const Request& request);
    // Sends a request whose replies may take this much longer than the timeout of a command.
    void post(const Request& request, std::int64_t extra_ms = 0);
    Reply next_reply();
    // Waits at most `ms`, and only while the file descriptor `interrupt` is not readable. Returns null if no
    // reply arrived.
    Reply next_reply(std::int64_t ms, int interrupt);
    // Throws the error of an error reply. Returns any other reply.
    Reply checked(Reply reply) const;
    // Returns the reply if it has the expected form. Otherwise drops the connection, whose other replies
    // cannot be trusted either, and throws Error{unknown}: the command may have been executed.
    Reply expected(Reply reply, bool has_expected_form);

    const Settings& settings() const { return settings_; }

private:
    using Clock = std::chrono::steady_clock;
    struct FreeContext {
        void operator()(redisContext* context) const { redisFree(context); }
    };

    void send(std::string_view bytes);
    void send_by_tls(std::string_view bytes);
    Reply whole_reply();
    Reply read();
    void wait(short events, bool sent);
    [[noreturn]] void fail(const std::string& why, bool sent);

    Settings settings_;
    std::unique_ptr<redisContext, FreeContext> context_;
    Clock::time_point deadline_{};  // of all outstanding replies
    std::vector<char> in_;
    bool has_connected_ = false;  // at least once
};

// Returns the Error for an error reply: its code, and a text with advice.
Error error_of_reply(const Settings& settings, std::string_view text);

// Whether the error means that the stream or the group does not exist.
bool is_group_missing(const redisReply& reply);
bool is_group_missing(const Error& error);

}  // namespace volley::streams
