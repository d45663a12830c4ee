// A Redis server for one test, on a free loopback port, and plain commands to it beside the plugin.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rig.hpp"

namespace volley::test {

using Bodies = std::vector<std::string>;
using Results = std::vector<std::int32_t>;

inline sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// Binds to a free port of the loopback interface. Returns the socket, and the port in `port`.
inline int bind_free(int& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    return fd;
}

// Returns a free port below the range of ephemeral ports (net.ipv4.ip_local_port_range), so that no client
// can get it as its own while the server is down.
inline int free_server_port() {
    std::random_device random;
    for (;;) {
        const int port = std::uniform_int_distribution<int>(20'000, 32'000)(random);
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = loopback(port);
        const bool is_free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        if (is_free) return port;
    }
}

template <typename Condition>
void wait_for(const char* what, Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) FAIL("not within 60 s: " << what);
        ::usleep(2000);
    }
}

class RedisServer {
public:
    RedisServer() {
        std::string pattern = (std::filesystem::temp_directory_path() / "volley_rsmq_XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        folder_ = pattern;
        bool is_up = false;
        for (int tries = 0; tries < 5 && !is_up; ++tries) {
            port_ = free_server_port();
            is_up = launch();
        }
        REQUIRE(is_up);
    }
    ~RedisServer() {
        kill();
        std::error_code left_over;
        std::filesystem::remove_all(folder_, left_over);
    }
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    void start() { REQUIRE(launch()); }
    void signal(int number) const { ::kill(pid_, number); }
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    int port() const { return port_; }
    const std::string& folder() const { return folder_; }

    // The reply as text: numbers in decimal, arrays with spaces between, nil as "-", errors with "!".
    std::string command(const std::vector<std::string>& words) const {
        std::unique_ptr<redisContext, decltype(&redisFree)> c(redisConnect("127.0.0.1", port_), &redisFree);
        std::vector<const char*> data;
        std::vector<std::size_t> sizes;
        for (const std::string& word : words) data.push_back(word.data()), sizes.push_back(word.size());
        auto* reply = static_cast<redisReply*>(
            redisCommandArgv(c.get(), static_cast<int>(words.size()), data.data(), sizes.data()));
        if (reply == nullptr) return "!no reply";
        std::string out = text(*reply);
        freeReplyObject(reply);
        return out;
    }

private:
    // Returns false if another process has taken the port.
    bool launch() {
        const std::string port = std::to_string(port_), log = folder_ + "/log", socket = folder_ + "/socket";
        std::vector<std::string> words{
            "redis-server", "--port",        port,     "--bind",    "127.0.0.1", "--unixsocket",
            socket,         "--dir",         folder_,  "--logfile", log,         "--appendonly",
            "yes",          "--appendfsync", "always", "--save",    "",          "--maxmemory-policy",
            "noeviction"};
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        REQUIRE(::posix_spawnp(&pid_, "redis-server", nullptr, nullptr, argv.data(), environ) == 0);
        bool has_ended = false;
        wait_for("Redis answers", [&] {
            has_ended = ::waitpid(pid_, nullptr, WNOHANG) == pid_;
            return has_ended || answers();
        });
        if (has_ended) pid_ = -1;
        return !has_ended;
    }
    static std::string text(const redisReply& reply) {
        if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
        if (reply.type == REDIS_REPLY_NIL) return "-";
        if (reply.type == REDIS_REPLY_ERROR) return "!" + std::string(reply.str, reply.len);
        if (reply.type != REDIS_REPLY_ARRAY) return std::string(reply.str, reply.len);
        std::string out;
        for (std::size_t i = 0; i < reply.elements; ++i) out += (i > 0 ? " " : "") + text(*reply.element[i]);
        return out;
    }
    bool answers() const {
        std::unique_ptr<redisContext, decltype(&redisFree)> c(redisConnect("127.0.0.1", port_), &redisFree);
        return c && c->err == 0 && command({"PING"}) == "PONG" &&
               command({"INFO", "server"}).find("process_id:" + std::to_string(pid_) + "\r") !=
                   std::string::npos;
    }

    std::string folder_;
    int port_ = 0;
    pid_t pid_ = -1;
};

struct RsmqRig : RedisServer, Rig {
    RsmqRig() : Rig("rsmq.so") {}

    // A configuration for this server; `more` begins with a comma.
    std::string config(const std::string& more = "") const {
        return "{\"port\": " + std::to_string(port()) + ", \"vt\": 30" + more + "}";
    }
    plugins::Consumer consumer(const std::string& value = "q", const std::string& more = "") {
        return Rig::consumer(value, config(more));
    }
    plugins::Producer producer(const std::string& value = "q", const std::string& more = "") {
        return Rig::producer(value, config(more));
    }
    std::string attribute(const std::string& name) const { return command({"HGET", "rsmq:q:Q", name}); }
    std::string waiting() const { return command({"ZCARD", "rsmq:q"}); }
    // Makes all messages visible, as if their visibility timeouts had ended.
    void expire_leases() const {
        command({"EVAL",
                 "for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], "
                 "1, id) end",
                 "1", "rsmq:q"});
    }
};

}  // namespace volley::test
