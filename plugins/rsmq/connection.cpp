#include "connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "lua.hpp"
#include "redis/tls.hpp"
#include "reply.hpp"

namespace volley::rsmq {

namespace {

timeval to_timeval(int ms) { return {ms / 1000, (ms % 1000) * 1000}; }

constexpr std::size_t read_size = 256 * 1024;
constexpr std::size_t max_iovecs = 512;

}  // namespace

void Connection::connect() {
    if (context_) return;
    const timeval timeout = to_timeval(settings_.server.connect_timeout_ms);
    context_.reset(
        settings_.server.socket.empty()
            ? redisConnectWithTimeout(settings_.server.host.c_str(), settings_.server.port, timeout)
            : redisConnectUnixWithTimeout(settings_.server.socket.c_str(), timeout));
    if (!context_ || context_->err != 0) {
        const std::string why = context_ ? context_->errstr : "out of memory";
        context_.reset();
        throw Error(ErrorCode::retry,
                    "cannot reach Redis at " + settings_.server.place() + " (" + why + "). Is it up?");
    }
    try {
        if (settings_.server.tls) redis::start_tls(*context_, settings_.server);
        if (!settings_.server.password.empty() || !settings_.server.username.empty()) {
            checked(exchange_one(settings_.server.username.empty()
                                     ? Words{"AUTH", settings_.server.password}
                                     : Words{"AUTH", settings_.server.username, settings_.server.password}));
        }
        const std::string db = std::to_string(settings_.server.db);
        if (settings_.server.db != 0) checked(exchange_one({"SELECT", db}));
        ++times_connected_;
    } catch (const Error& error) {
        context_.reset();
        // Only the handshake was sent, so the caller's command was not executed. A TLS error after an earlier
        // success is a fault of the environment, not of the configuration.
        const bool worked_before = error.code == ErrorCode::config && times_connected_ > 0;
        if (error.code == ErrorCode::unknown || worked_before) throw Error(ErrorCode::retry, error.text);
        throw;
    }
}

void Connection::limit_timeouts(int ms) {
    settings_.server.connect_timeout_ms = std::min(settings_.server.connect_timeout_ms, ms);
    settings_.server.command_timeout_ms = std::min(settings_.server.command_timeout_ms, ms);
    reply_deadline_ = std::min(reply_deadline_, Clock::now() + std::chrono::milliseconds(ms));
}

void Connection::fail(const std::string& why, bool sent) {
    context_.reset();
    throw Error(sent ? ErrorCode::unknown : ErrorCode::retry,
                "Redis at " + settings_.server.place() + " does not answer: " + why);
}

void Connection::wait(short events, Clock::time_point deadline, bool sent) {
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0) {
            fail("nothing within " + std::to_string(settings_.server.command_timeout_ms) +
                     " ms (command_timeout_ms)",
                 sent);
        }
        pollfd fd{context_->fd, events, 0};
        const int ready = poll(&fd, 1, static_cast<int>(left.count()));
        if (ready > 0) return;
        if (ready < 0 && errno != EINTR) fail(std::strerror(errno), sent);
    }
}

void Connection::send(Request& request, Clock::time_point deadline) {
    std::vector<iovec>& pieces = request.pieces();
    if (settings_.server.tls) return send_by_tls(pieces, deadline);
    std::size_t at = 0;
    bool sent = false;
    while (at < pieces.size()) {
        msghdr message{};
        message.msg_iov = pieces.data() + at;
        message.msg_iovlen = std::min(pieces.size() - at, max_iovecs);
        const ssize_t written = sendmsg(context_->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                wait(POLLOUT, deadline, sent);
            else if (errno != EINTR)
                fail(std::strerror(errno), sent);
            continue;
        }
        sent = true;
        auto left = static_cast<std::size_t>(written);
        for (; at < pieces.size() && left >= pieces[at].iov_len; ++at) left -= pieces[at].iov_len;
        if (left == 0) continue;
        pieces[at].iov_base = static_cast<char*>(pieces[at].iov_base) + left;
        pieces[at].iov_len -= left;
    }
}

void Connection::send_by_tls(const std::vector<iovec>& pieces, Clock::time_point deadline) {
    for (const iovec& piece : pieces)
        redis::tls_append(*context_, static_cast<const char*>(piece.iov_base), piece.iov_len);
    for (int done = 0; done != 1;) {
        done = redis::tls_flush(*context_);
        if (done < 0) fail(context_->errstr, true);
        if (done == 0) wait(POLLOUT, deadline, true);
    }
}

ssize_t Connection::fetch(char* bytes, std::size_t size) {
    return settings_.server.tls ? redis::tls_read(*context_, bytes, size)
                                : recv(context_->fd, bytes, size, MSG_DONTWAIT);
}

// Returns null if no complete reply has arrived.
Reply Connection::whole_reply() {
    void* parsed = nullptr;
    if (redisReaderGetReply(context_->reader, &parsed) != REDIS_OK) fail(context_->reader->errstr, true);
    return Reply(static_cast<redisReply*>(parsed));
}

// Returns null if no complete reply has arrived. Does not wait past the deadline for the end of an endless
// reply.
Reply Connection::read(Clock::time_point deadline) {
    in_.resize(read_size);
    for (;;) {
        if (Reply reply = whole_reply()) return reply;
        const ssize_t n = fetch(in_.data(), in_.size());
        if (n > 0) {
            if (redisReaderFeed(context_->reader, in_.data(), static_cast<std::size_t>(n)) != REDIS_OK)
                fail(context_->reader->errstr, true);
            if (Clock::now() >= deadline) return whole_reply();
        } else if (n == 0) {
            fail("it closed the connection", true);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return nullptr;
        } else if (errno != EINTR) {
            fail(std::strerror(errno), true);
        }
    }
}

Reply Connection::receive(Clock::time_point deadline) {
    for (;;) {
        if (Reply reply = read(deadline)) return reply;
        wait(POLLIN, deadline, true);
    }
}

void Connection::post(Request& request) {
    connect();
    reply_deadline_ = Clock::now() + std::chrono::milliseconds(settings_.server.command_timeout_ms);
    send(request, reply_deadline_);
}

void Connection::post(const Script& script, const Words& keys, const Words& arguments) {
    const std::string key_count = std::to_string(keys.size());
    request_.clear();
    request_.begin(3 + keys.size() + arguments.size());
    request_.word("EVALSHA");
    request_.word(script.sha);
    request_.word(key_count);
    for (const std::string_view key : keys) request_.word(key);
    for (const std::string_view argument : arguments) request_.word(argument);
    post(request_);
}

Reply Connection::next_reply() { return receive(reply_deadline_); }

Reply Connection::next_reply(std::int64_t ms, int interrupt) {
    const auto deadline = std::min(reply_deadline_, Clock::now() + std::chrono::milliseconds(ms));
    for (;;) {
        if (Reply reply = read(reply_deadline_)) return reply;
        const auto now = Clock::now();
        if (now >= reply_deadline_) wait(POLLIN, reply_deadline_, true);  // throws: the time is over
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
        if (left.count() <= 0) return nullptr;
        pollfd fds[] = {{context_->fd, POLLIN, 0}, {interrupt, POLLIN, 0}};
        if (poll(fds, 2, static_cast<int>(left.count())) > 0 && fds[0].revents == 0) return nullptr;
    }
}

std::vector<Reply> Connection::exchange(Request& request) {
    post(request);
    std::vector<Reply> replies;
    for (std::size_t i = 0; i < request.commands(); ++i) replies.push_back(next_reply());
    return replies;
}

Reply Connection::exchange_one(const Words& words) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(settings_.server.command_timeout_ms);
    request_.clear();
    request_.command(words);
    send(request_, deadline);
    return receive(deadline);
}

Reply Connection::checked(Reply reply) {
    if (reply->type != REDIS_REPLY_ERROR) return reply;
    const std::string_view text = text_of(reply.get());
    // The master was demoted: its address may now lead to the new one.
    if (text.find("READONLY") != std::string_view::npos) drop();
    throw_reply(settings_, text);
}

Reply Connection::expected(Reply reply, bool has_expected_form) {
    if (has_expected_form) return reply;
    drop();
    throw Error(ErrorCode::unknown,
                "Redis at " + settings_.server.place() +
                    " gave an unexpected reply. Is it Redis, and is there a proxy in front of it?");
}

Reply Connection::command(const Words& words) {
    connect();
    return checked(exchange_one(words));
}

Reply Connection::run(Script& script, const Words& keys, const Words& arguments) {
    connect();
    for (bool loaded = false;; loaded = true) {
        if (script.sha.empty()) {
            Reply sha = checked(exchange_one({"SCRIPT", "LOAD", script.text}));
            const bool is_sha = is_text(*sha) && sha->len > 0;
            script.sha = text_of(expected(std::move(sha), is_sha).get());
        }
        const std::string key_count = std::to_string(keys.size());
        Words words{"EVALSHA", script.sha, key_count};
        words.reserve(words.size() + keys.size() + arguments.size());
        words.insert(words.end(), keys.begin(), keys.end());
        words.insert(words.end(), arguments.begin(), arguments.end());
        Reply reply = exchange_one(words);
        // A flush, a restart or a failover has emptied the script cache.
        const bool is_missing =
            reply->type == REDIS_REPLY_ERROR && text_of(reply.get()).substr(0, 8) == "NOSCRIPT";
        if (!is_missing || loaded) return checked(std::move(reply));
        script.sha.clear();
    }
}

bool Connection::skip_pushed() {
    char bytes[4096];
    bool came = false;
    for (;;) {
        const ssize_t n = fetch(bytes, sizeof bytes);
        if (n > 0) {
            came = true;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) drop();
            return came;
        }
    }
}

Error error_of_reply(const Settings& settings, std::string_view text) {
    std::string said = "Redis at " + settings.server.place() + " says: " + std::string(text);
    if (said.back() == '.') said.pop_back();
    const auto says = [text](const char* word) { return text.find(word) != std::string_view::npos; };
    // Redis 6 and older put the code of a script's error somewhere in the text.
    for (const char* word : {"NOAUTH", "WRONGPASS", "NOPERM", "invalid password", "Client sent AUTH",
                             "ERR AUTH", "The user executing the script"}) {
        if (says(word))
            return Error(ErrorCode::unauthorized, said + ". Check username and password, and the user's ACL");
    }
    if (says("WRONGTYPE")) {
        return Error(ErrorCode::config, said + ". The key " + settings.set_key +
                                            " holds no RSMQ queue: choose another ns or name");
    }
    if (says("DB index is out of range")) return Error(ErrorCode::config, said, "/db");
    if (says("MOVED") || says("CROSSSLOT")) {
        return Error(ErrorCode::config, said +
                                            ". RSMQ does not work with a Redis Cluster, which spreads its "
                                            "keys over nodes: use a single Redis");
    }
    for (const char* word :
         {"LOADING", "READONLY", "MASTERDOWN", "OOM", "BUSY", "NOSCRIPT", "MISCONF", "CLUSTERDOWN",
          "NOREPLICAS", "TRYAGAIN", "UNKILLABLE", "max number of clients"}) {
        if (says(word)) return Error(ErrorCode::retry, said);
    }
    return Error(ErrorCode::fatal, said);
}

void throw_reply(const Settings& settings, std::string_view text) { throw error_of_reply(settings, text); }

Attributes ensure_queue(Connection& connection) {
    const Settings& s = connection.settings();
    const Reply there = connection.command({"HMGET", s.hash_key, "vt", "delay", "maxsize"});
    if (has_form(*there, "sss"))
        return {std::string(text_of(there->element[1])), std::string(text_of(there->element[2]))};
    if (!s.create) {
        throw Error(ErrorCode::config, "the queue " + s.queue + " does not exist at " + s.server.place() +
                                           ", and create is false");
    }
    Script create{create_script};
    const std::string vt = std::to_string(s.vt_seconds);
    const std::string delay = std::to_string(s.delay_seconds);
    const std::string maxsize = std::to_string(s.maxsize);
    Reply made = connection.run(create, {s.set_key, s.hash_key, s.names_key}, {vt, delay, maxsize, s.queue});
    const bool is_sound = has_form(*made, "ss");
    made = connection.expected(std::move(made), is_sound);
    return {std::string(text_of(made->element[0])), std::string(text_of(made->element[1]))};
}

}  // namespace volley::rsmq
