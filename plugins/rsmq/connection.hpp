// One connection to Redis. hiredis connects and parses replies. This class sends by itself, so that bodies
// are not copied into a second buffer, no SIGPIPE is raised, and a whole command has one deadline.
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
#include "request.hpp"

namespace volley::rsmq {

struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

// A Lua script, and its SHA-1 digest once the server has loaded it.
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
    bool is_connected() const { return context_ != nullptr; }
    std::uint64_t times_connected() const { return times_connected_; }
    void drop() { context_.reset(); }
    // Lowers all timeouts to this value, including that of outstanding replies.
    void limit_timeouts(int ms);
    int fd() const { return context_->fd; }  // Requires: is_connected()

    // Sends a command, binary-safe, and returns its reply. Throws Error: retry (nothing was done: there is no
    // connection, or Redis refuses for now), unknown (it was sent, and no reply came), unauthorized, config,
    // fatal.
    Reply command(const Words& words);
    // Runs EVALSHA, and SCRIPT LOAD before it if the server does not have the script. Throws as command.
    Reply run(Script& script, const Words& keys, const Words& arguments);
    // Sends all commands of a request and returns their replies, error replies included. Throws only if a
    // reply is missing.
    std::vector<Reply> exchange(Request& request);
    // The same in steps, for pipelining. post connects if necessary. Replies arrive in the order of the
    // commands. The last post sets the deadline of all outstanding replies.
    void post(Request& request);
    void post(const Script& script, const Words& keys, const Words& arguments);  // Requires: its sha is known
    Reply next_reply();
    // Waits at most `ms`, and only while the file descriptor `interrupt` is not readable; -1 for none.
    // Returns null if no reply arrived.
    Reply next_reply(std::int64_t ms, int interrupt);
    // Throws the error of an error reply. Returns any other reply.
    Reply checked(Reply reply);
    // Returns the reply if it has the expected form. Otherwise drops the connection, whose other replies
    // cannot be trusted either, and throws Error{unknown}: the command may have been executed.
    Reply expected(Reply reply, bool has_expected_form);
    // Reads and discards the messages of a subscription. Returns whether there were any. Drops a dead
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
    Reply whole_reply();
    Reply read(Clock::time_point deadline);
    void send_by_tls(const std::vector<iovec>& pieces, Clock::time_point deadline);
    ssize_t fetch(char* bytes, std::size_t size);
    void wait(short events, Clock::time_point deadline, bool sent);
    [[noreturn]] void fail(const std::string& why, bool sent);

    Settings settings_;
    std::unique_ptr<redisContext, FreeContext> context_;
    Request request_;                     // of a single command
    Clock::time_point reply_deadline_{};  // of all outstanding replies
    std::vector<char> in_;
    std::uint64_t times_connected_ = 0;
};

// Returns the Error for an error reply: its code, and a text with advice.
Error error_of_reply(const Settings& settings, std::string_view text);
// Throws that error. Never returns.
[[noreturn]] void throw_reply(const Settings& settings, std::string_view text);

// Attributes of a queue, as stored in Redis.
struct Attributes {
    std::string delay;    // seconds
    std::string maxsize;  // characters; -1: no limit
};

// Returns the attributes of the queue. Creates a missing queue if Settings::create allows it, otherwise
// throws Error{config}.
Attributes ensure_queue(Connection& connection);

inline std::string_view text_of(const redisReply* reply) { return {reply->str, reply->len}; }

}  // namespace volley::rsmq
