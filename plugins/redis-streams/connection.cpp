#include "connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "redis/tls.hpp"

namespace volley::streams {

namespace {

constexpr std::size_t read_size = 256 * 1024;

timeval to_timeval(int ms) { return {ms / 1000, (ms % 1000) * 1000}; }

void append_number(std::string& out, char mark, std::size_t number) {
    char text[24];
    text[0] = mark;
    char* end = std::to_chars(text + 1, text + 22, number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out.append(text, end);
}

}  // namespace

void Request::begin(std::size_t words) {
    append_number(bytes_, '*', words);
    ++commands_;
}

void Request::word(std::string_view text) {
    append_number(bytes_, '$', text.size());
    bytes_.append(text).append("\r\n", 2);
}

void Request::command(const Words& words) {
    begin(words.size());
    for (const std::string_view text : words) word(text);
}

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
    Request greeting;
    if (!settings_.server.password.empty() || !settings_.server.username.empty()) {
        greeting.command(settings_.server.username.empty()
                             ? Words{"AUTH", settings_.server.password}
                             : Words{"AUTH", settings_.server.username, settings_.server.password});
    }
    const std::string db = std::to_string(settings_.server.db);
    if (settings_.server.db != 0) greeting.command({"SELECT", db});
    try {
        if (settings_.server.tls) redis::start_tls(*context_, settings_.server);
        for (Reply& reply : exchange(greeting)) checked(std::move(reply));
        has_connected_ = true;
    } catch (const Error& error) {
        context_.reset();
        // Only the greeting was sent, so the caller's command was not executed. A configuration error after
        // an earlier success is a fault of the environment.
        const bool worked_before = error.code == ErrorCode::config && has_connected_;
        if (error.code == ErrorCode::unknown || worked_before) throw Error(ErrorCode::retry, error.text);
        throw;
    }
}

void Connection::limit_timeouts(int ms) {
    settings_.server.connect_timeout_ms = std::min(settings_.server.connect_timeout_ms, ms);
    settings_.server.command_timeout_ms = std::min(settings_.server.command_timeout_ms, ms);
}

void Connection::fail(const std::string& why, bool sent) {
    context_.reset();
    throw Error(sent ? ErrorCode::unknown : ErrorCode::retry,
                "Redis at " + settings_.server.place() + " does not answer: " + why);
}

void Connection::wait(short events, bool sent) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
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

void Connection::send(std::string_view bytes) {
    if (settings_.server.tls) return send_by_tls(bytes);
    bool sent = false;
    while (!bytes.empty()) {
        const ssize_t n = ::send(context_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            sent = true;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait(POLLOUT, sent);
        } else if (errno != EINTR) {
            fail(std::strerror(errno), sent);
        }
    }
}

// Returns null if no complete reply has arrived.
Reply Connection::whole_reply() {
    void* parsed = nullptr;
    if (redisReaderGetReply(context_->reader, &parsed) != REDIS_OK) fail(context_->reader->errstr, true);
    return Reply(static_cast<redisReply*>(parsed));
}

// Returns null if no complete reply has arrived. The end of a reply that never ends is not waited for past
// the deadline.
void Connection::send_by_tls(std::string_view bytes) {
    redis::tls_append(*context_, bytes.data(), bytes.size());
    for (int done = 0; done != 1;) {
        done = redis::tls_flush(*context_);
        if (done < 0) fail(context_->errstr, true);
        if (done == 0) wait(POLLOUT, true);
    }
}

Reply Connection::read() {
    in_.resize(read_size);
    for (;;) {
        if (Reply reply = whole_reply()) return reply;
        const ssize_t n = settings_.server.tls ? redis::tls_read(*context_, in_.data(), in_.size())
                                               : recv(context_->fd, in_.data(), in_.size(), MSG_DONTWAIT);
        if (n > 0) {
            if (redisReaderFeed(context_->reader, in_.data(), static_cast<std::size_t>(n)) != REDIS_OK)
                fail(context_->reader->errstr, true);
            if (Clock::now() >= deadline_) return whole_reply();
        } else if (n == 0) {
            fail("it closed the connection", true);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return nullptr;
        } else if (errno != EINTR) {
            fail(std::strerror(errno), true);
        }
    }
}

void Connection::post(const Request& request, std::int64_t extra_ms) {
    connect();
    deadline_ = Clock::now() + std::chrono::milliseconds(settings_.server.command_timeout_ms + extra_ms);
    send(request.bytes());
}

Reply Connection::next_reply() {
    for (;;) {
        if (!context_) throw Error(ErrorCode::unknown, "the connection to Redis was dropped");
        if (Reply reply = read()) return reply;
        wait(POLLIN, true);
    }
}

Reply Connection::next_reply(std::int64_t ms, int interrupt) {
    if (!context_) throw Error(ErrorCode::unknown, "the connection to Redis was dropped");
    const auto end = Clock::now() + std::chrono::milliseconds(ms);
    for (;;) {
        if (Reply reply = read()) return reply;
        const auto now = Clock::now();
        if (now >= deadline_) wait(POLLIN, true);  // throws: the time is over
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(std::min(end, deadline_) - now);
        if (now >= end) return nullptr;
        pollfd fds[] = {{context_->fd, POLLIN, 0}, {interrupt, POLLIN, 0}};
        if (poll(fds, 2, static_cast<int>(left.count())) > 0 && fds[0].revents == 0) return nullptr;
    }
}

std::vector<Reply> Connection::exchange(const Request& request) {
    post(request);
    std::vector<Reply> replies;
    for (std::size_t i = 0; i < request.commands(); ++i) replies.push_back(next_reply());
    return replies;
}

Reply Connection::command(const Words& words) {
    Request request;
    request.command(words);
    return checked(std::move(exchange(request).front()));
}

Reply Connection::run(Script& script, const Words& arguments) {
    for (bool loaded = false;; loaded = true) {
        if (script.sha.empty()) {
            Reply sha = command({"SCRIPT", "LOAD", script.text});
            const bool is_sound = is_text(*sha);
            sha = expected(std::move(sha), is_sound);
            script.sha = text_of(*sha);
        }
        Words words{"EVALSHA", script.sha, "1", settings_.stream};
        words.insert(words.end(), arguments.begin(), arguments.end());
        Request request;
        request.command(words);
        Reply reply = std::move(exchange(request).front());
        // A flush, a restart or a failover has emptied the script cache.
        const bool is_missing = is_error(*reply) && text_of(*reply).substr(0, 8) == "NOSCRIPT";
        if (!is_missing || loaded) return checked(std::move(reply));
        script.sha.clear();
    }
}

Reply Connection::checked(Reply reply) const {
    if (is_error(*reply)) throw error_of_reply(settings_, text_of(*reply));
    return reply;
}

Reply Connection::expected(Reply reply, bool has_expected_form) {
    if (has_expected_form) return reply;
    drop();
    throw Error(ErrorCode::unknown, "the server at " + settings_.server.place() +
                                        " gave an unexpected reply: is it Redis 7 or later?");
}

bool is_group_missing(const Error& error) { return error.text.find("NOGROUP") != std::string::npos; }

bool is_group_missing(const redisReply& reply) {
    // A blocked read of a stream that is deleted ends with UNBLOCKED.
    return is_error(reply) && (text_of(reply).substr(0, 7) == "NOGROUP" ||
                               text_of(reply).find("stream key no longer exists") != std::string_view::npos);
}

Error error_of_reply(const Settings& settings, std::string_view text) {
    std::string said = "Redis at " + settings.server.place() + " says: " + std::string(text);
    if (said.back() == '.') said.pop_back();
    const auto says = [text](const char* word) { return text.find(word) != std::string_view::npos; };
    for (const char* word : {"NOAUTH", "WRONGPASS", "NOPERM", "invalid password", "Client sent AUTH",
                             "ERR AUTH", "ACL failure in script", "The user executing the script"}) {
        if (says(word))
            return Error(ErrorCode::unauthorized, said + ". Check username and password, and the user's ACL");
    }
    if (says("WRONGTYPE")) {
        return Error(ErrorCode::config,
                     said + ". The key " + settings.stream + " holds no stream: choose another value");
    }
    if (says("DB index is out of range")) return Error(ErrorCode::config, said, "/db");
    if (says("exhausted the last possible ID")) {
        return Error(ErrorCode::config, said + ". The last id of the stream " + settings.stream +
                                            " is the largest possible: use another stream");
    }
    if (says("MOVED") || says("CROSSSLOT")) {
        return Error(
            ErrorCode::config,
            said + ". Configure the node of the Redis Cluster that has the stream " + settings.stream);
    }
    if (says("unknown command") || says("Unknown Redis command") || says("unknown subcommand"))
        return Error(ErrorCode::config, said + ". This connector needs Redis 7 or later");
    for (const char* word : {"LOADING", "READONLY", "MASTERDOWN", "OOM", "BUSY", "NOSCRIPT", "MISCONF",
                             "CLUSTERDOWN", "NOREPLICAS", "TRYAGAIN", "UNKILLABLE", "UNBLOCKED", "EXECABORT",
                             "NOGROUP", "max number of clients"}) {
        if (says(word)) return Error(ErrorCode::retry, said);
    }
    return Error(ErrorCode::fatal, said);
}

}  // namespace volley::streams
