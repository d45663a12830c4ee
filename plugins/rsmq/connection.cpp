#include "connection.hpp"

#include <cstring>

namespace volley::rsmq {

namespace {

timeval to_timeval(int ms) { return {ms / 1000, (ms % 1000) * 1000}; }

bool starts_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

void Connection::connect() {
    if (context_) return;
    const timeval timeout = to_timeval(settings_.connect_timeout_ms);
    context_.reset(settings_.socket.empty()
                       ? redisConnectWithTimeout(settings_.host.c_str(), settings_.port, timeout)
                       : redisConnectUnixWithTimeout(settings_.socket.c_str(), timeout));
    if (!context_ || context_->err != 0) {
        const std::string why = context_ ? context_->errstr : "out of memory";
        context_.reset();
        throw Error(ErrorCode::retry,
                    "cannot reach Redis at " + settings_.place() + " (" + why + "). Is it up?");
    }
    redisSetTimeout(context_.get(), to_timeval(settings_.command_timeout_ms));
    try {
        if (!settings_.password.empty()) {
            if (settings_.username.empty())
                send({"AUTH", settings_.password});
            else
                send({"AUTH", settings_.username, settings_.password});
        }
        if (settings_.db != 0) send({"SELECT", std::to_string(settings_.db)});
    } catch (...) {
        context_.reset();
        throw;
    }
}

Reply Connection::send(const std::vector<std::string_view>& words) {
    std::vector<const char*> data;
    std::vector<std::size_t> sizes;
    data.reserve(words.size());
    sizes.reserve(words.size());
    for (const std::string_view word : words) {
        data.push_back(word.data());
        sizes.push_back(word.size());
    }
    Reply reply(static_cast<redisReply*>(
        redisCommandArgv(context_.get(), static_cast<int>(words.size()), data.data(), sizes.data())));
    if (!reply) {
        const std::string why = context_->errstr;
        context_.reset();
        throw Error(ErrorCode::retry, "Redis at " + settings_.place() + " does not answer: " + why);
    }
    if (reply->type == REDIS_REPLY_ERROR) fail(text_of(reply.get()));
    return reply;
}

void Connection::fail(std::string_view text) {
    const std::string said = "Redis at " + settings_.place() + " says: " + std::string(text);
    for (const char* word :
         {"NOAUTH", "WRONGPASS", "NOPERM", "ERR invalid password", "ERR Client sent AUTH", "ERR AUTH"}) {
        if (starts_with(text, word)) {
            throw Error(ErrorCode::unauthorized, said + ". Check username and password, and the user's ACL");
        }
    }
    if (text.find("WRONGTYPE") != std::string_view::npos) {
        throw Error(ErrorCode::config, said + ". The key " + settings_.set_key +
                                           " holds no RSMQ queue: choose another ns or name");
    }
    // A demoted master: its address may lead to the new one.
    if (starts_with(text, "READONLY")) drop();
    for (const char* word : {"LOADING", "READONLY", "MASTERDOWN", "OOM", "BUSY", "NOSCRIPT", "TRYAGAIN",
                             "CLUSTERDOWN", "NOREPLICAS"}) {
        if (text.find(word) != std::string_view::npos) throw Error(ErrorCode::retry, said);
    }
    throw Error(ErrorCode::fatal, said);
}

Reply Connection::command(const std::vector<std::string_view>& words) {
    connect();
    return send(words);
}

Reply Connection::run(Script& script, const std::vector<std::string_view>& keys,
                      const std::vector<std::string_view>& arguments) {
    connect();
    for (bool loaded = false;; loaded = true) {
        if (script.sha.empty()) script.sha = text_of(send({"SCRIPT", "LOAD", script.text}).get());
        const std::string key_count = std::to_string(keys.size());
        std::vector<std::string_view> words{"EVALSHA", script.sha, key_count};
        words.insert(words.end(), keys.begin(), keys.end());
        words.insert(words.end(), arguments.begin(), arguments.end());
        try {
            return send(words);
        } catch (const Error& error) {
            // A flush, a restart or a fail-over has emptied the script cache.
            if (loaded || error.text.find("NOSCRIPT") == std::string::npos) throw;
            script.sha.clear();
        }
    }
}

long ensure_queue(Connection& connection) {
    const Settings& s = connection.settings();
    Reply reply = connection.command({"HMGET", s.hash_key, "vt", "maxsize"});
    if (reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_STRING) {
        return reply->element[1]->type == REDIS_REPLY_STRING ? std::atol(reply->element[1]->str) : 65536;
    }
    if (!s.create) {
        throw Error(ErrorCode::config,
                    "the queue " + s.queue + " does not exist at " + s.place() + ", and create is false");
    }
    // As RSMQ makes queues: attributes only where there are none, created and modified in seconds of Redis'
    // time.
    const Reply time = connection.command({"TIME"});
    const std::string seconds(text_of(time->element[0]));
    const std::string vt = std::to_string(s.vt_seconds);
    const std::string delay = std::to_string(s.delay_seconds);
    const std::string maxsize = std::to_string(s.maxsize);
    const std::pair<const char*, const std::string*> attributes[] = {
        {"vt", &vt}, {"delay", &delay}, {"maxsize", &maxsize}, {"created", &seconds}, {"modified", &seconds}};
    for (const auto& [name, value] : attributes) connection.command({"HSETNX", s.hash_key, name, *value});
    connection.command({"SADD", s.names_key, s.queue});
    return s.maxsize;
}

}  // namespace volley::rsmq
