// One connection to Redis: hiredis connects and parses; sending is ours, so that bodies are not copied into a
// second buffer, no SIGPIPE is raised, and a whole command has one deadline. After any transport error the
// connection is dropped, because what was sent on it is neither done nor undone but unknown; the next call
// connects anew. Used by one thread.
#pragma once

#include <hiredis/hiredis.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "request.hpp"

namespace volley::rsmq {

struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

// A Lua script and its digest on this server, once known.
struct Script {
    const char* text;
    std::string sha = {};
};

class Connection {
public:
    explicit Connection(Settings settings) : settings_(std::move(settings)) {}

    // Connects if it is not connected; authenticates and selects. Throws as command.
    void connect();
    bool is_connected() const { return context_ != nullptr; }
    std::uint64_t times_connected() const { return times_connected_; }
    void drop() { context_.reset(); }
    // From now on nothing takes longer than this.
    void hurry(int ms);
    int fd() const { return context_->fd; }  // Requires: is_connected()

    // Binary-safe. Throws Error: retry (nothing was done: no connection, or Redis refuses for now), unknown
    // (it was sent, and no answer came), unauthorized, config, fatal.
    Reply command(const Words& words);
    // EVALSHA, and SCRIPT LOAD before it where the server does not know the script (any more). Throws
    // likewise.
    Reply run(Script& script, const Words& keys, const Words& arguments);
    // Sends all commands of a request and returns their replies, errors among them. Throws only if there is
    // no whole answer.
    std::vector<Reply> exchange(Request& request);
    // The same in steps, so that more can be sent before the replies come; they come in the order of what was
    // sent. post connects if need be; the deadline of all that is outstanding is that of the last post.
    void post(Request& request);
    void post(const Script& script, const Words& keys, const Words& arguments);  // Requires: its sha is known
    Reply next_reply();
    // Waits for `ms` only, and not when `other` is readable; null: there is none yet.
    Reply next_reply(std::int64_t ms, int other);
    // Throws what an error reply means; returns any other.
    Reply checked(Reply reply);
    // Returns the reply if it has the form that was asked for. Else throws unknown: what was asked for may
    // have been done, and whatever else comes on this connection is not to be trusted.
    Reply expected(Reply reply, bool has_that_form);
    // Reads and forgets what a subscription has brought. Returns whether anything came; drops a dead
    // connection.
    bool skip_pushed();

    const Settings& settings() const { return settings_; }

private:
    using Clock = std::chrono::steady_clock;
    struct FreeContext {
        void operator()(redisContext* context) const { redisFree(context); }
    };

    Reply exchange_one(const Words& words);
    void send(Request& request, Clock::time_point deadline);
    Reply receive(Clock::time_point deadline);
    Reply read();
    void send_by_tls(const std::vector<iovec>& pieces, Clock::time_point deadline);
    ssize_t fetch(char* bytes, std::size_t most);
    void wait(short events, Clock::time_point deadline, bool sent);
    [[noreturn]] void broken(const std::string& why, bool sent);

    Settings settings_;
    std::unique_ptr<redisContext, FreeContext> context_;
    Request request_;  // of one command
    Clock::time_point answer_by_{};
    std::vector<char> in_;
    std::uint64_t times_connected_ = 0;
};

// What an error reply means: its code, and what to do about it.
Error error_of_reply(const Settings& settings, std::string_view text);
// Throws that error. Never returns.
[[noreturn]] void throw_reply(const Settings& settings, std::string_view text);

// What a queue says of itself, as it stands there.
struct Attributes {
    std::string delay;    // seconds
    std::string maxsize;  // characters; -1: any
};

// Makes the queue if it is missing and may be made. Throws Error{config} if it is missing.
Attributes ensure_queue(Connection& connection);

inline std::string_view text_of(const redisReply* reply) { return {reply->str, reply->len}; }

}  // namespace volley::rsmq
