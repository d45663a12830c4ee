// One connection to Redis, as hiredis has it: blocking, with deadlines. After any transport error the context
// is dropped, because what was sent on it is neither done nor undone but unknown; the next call connects
// anew. Used by one thread.
#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"

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

    // Connects if it is not connected; authenticates and selects. Throws Error: retry, unauthorized.
    void connect();
    bool is_connected() const { return context_ != nullptr; }
    void drop() { context_.reset(); }

    // Binary-safe. Throws Error by what the server or the network said: retry; unauthorized; config (a key of
    // another type); fatal.
    Reply command(const std::vector<std::string_view>& words);
    // EVALSHA, and SCRIPT LOAD before it where the server does not know the script (any more).
    Reply run(Script& script, const std::vector<std::string_view>& keys,
              const std::vector<std::string_view>& arguments);

    const Settings& settings() const { return settings_; }

private:
    struct FreeContext {
        void operator()(redisContext* context) const { redisFree(context); }
    };
    Reply send(const std::vector<std::string_view>& words);
    [[noreturn]] void fail(std::string_view text);

    Settings settings_;
    std::unique_ptr<redisContext, FreeContext> context_;
};

// Makes the queue if it is missing and may be made. Returns its maxsize (-1: none). Throws Error{config} if
// it is missing.
long ensure_queue(Connection& connection);

inline std::string_view text_of(const redisReply* reply) { return {reply->str, reply->len}; }

}  // namespace volley::rsmq
