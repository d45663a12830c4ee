// The server against clients that dawdle, flood and break the protocol, over real sockets.
#include "operations/server.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

using volley::OperationsConfig;
using volley::operations::Server;

namespace {

OperationsConfig on(const std::string& host) {
    OperationsConfig config;
    config.host = host;
    config.port = 0;
    config.port_given = true;
    return config;
}

volley::runtime::EngineSnapshot snapshot() {
    volley::runtime::EngineSnapshot s;
    s.app = "test<app>";
    s.ready = true;
    return s;
}

struct Running {
    explicit Running(OperationsConfig config = on("127.0.0.1")) {
        const auto started = server.start(config, snapshot);
        REQUIRE(started);
        const std::string address = server.address();
        const std::size_t colon = address.rfind(':');
        host = address.substr(0, colon);
        if (host.front() == '[') host = host.substr(1, host.size() - 2);
        port = address.substr(colon + 1);
    }
    Server server;
    std::string host;
    std::string port;
};

class Client {
public:
    explicit Client(const Running& running) {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        REQUIRE(getaddrinfo(running.host.c_str(), running.port.c_str(), &hints, &found) == 0);
        fd_ = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd_ >= 0);
        REQUIRE(connect(fd_, found->ai_addr, found->ai_addrlen) == 0);
        freeaddrinfo(found);
    }
    Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ~Client() {
        if (fd_ >= 0) close(fd_);
    }
    // Returns false once the server has closed.
    bool put(const std::string& bytes) const {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t n = send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
            if (n <= 0) return false;
            done += static_cast<std::size_t>(n);
        }
        return true;
    }
    void half_close() const { shutdown(fd_, SHUT_WR); }
    // All that the server sends until it closes.
    std::string read_all() const {
        std::string all;
        pollfd fd{fd_, POLLIN, 0};
        std::array<char, 4096> buffer{};
        while (poll(&fd, 1, 20'000) == 1) {
            const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
            if (n <= 0) return all;
            all.append(buffer.data(), static_cast<std::size_t>(n));
        }
        FAIL("the server neither answers nor closes");
        return all;
    }

private:
    int fd_ = -1;
};

std::string ask(const Running& running, const std::string& request) {
    const Client client(running);
    client.put(request);
    return client.read_all();
}

std::string get(const Running& running, const std::string& path, const std::string& headers = {}) {
    return ask(running, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
}

std::string status(const std::string& response) { return response.substr(0, 12); }

bool serves(const Running& running) { return status(get(running, "/healthz")) == "HTTP/1.1 200"; }

}  // namespace

TEST_CASE("probes, metrics and the page") {
    const Running running;
    CHECK(get(running, "/healthz").ends_with("\r\n\r\nok\n"));
    CHECK(status(get(running, "/readyz")) == "HTTP/1.1 200");
    CHECK(get(running, "/metrics").find("volley_log_lines_dropped_total{app=\"test<app>\"} 0") !=
          std::string::npos);
    CHECK(get(running, "/").find("test&lt;app>") != std::string::npos);
    CHECK(status(get(running, "/nowhere<script>")) == "HTTP/1.1 404");
    CHECK(get(running, "/nowhere<script>").find("script") == std::string::npos);
    const std::string head = ask(running, "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(status(head) == "HTTP/1.1 200");
    CHECK(head.ends_with("\r\n\r\n"));
    CHECK(status(ask(running, "GET /healthz HTTP/1.0\r\n\r\n")) == "HTTP/1.1 200");
}

TEST_CASE("a thousand clients that say nothing keep nobody from the probes, nor the server from its end") {
    rlimit descriptors{};
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    auto running = std::make_unique<Running>();
    std::vector<Client> idle;
    for (int i = 0; i < 1000; ++i) {
        idle.emplace_back(*running);
        if (i % 2 == 0) idle.back().put("GET /metrics HTTP/1.1\r\nX");
        if (i % 100 == 0) CHECK(serves(*running));
    }
    CHECK(serves(*running));
    running->server.stop();
    CHECK(idle.back().read_all().empty());
}

TEST_CASE("a client that takes nothing of its response keeps nobody from theirs") {
    const Running running;
    std::vector<Client> greedy;
    for (int i = 0; i < 300; ++i) {
        greedy.emplace_back(running);
        greedy.back().put("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    CHECK(serves(running));
}

TEST_CASE("what is no request is refused, and the next client is served") {
    const Running running;
    for (const std::string& request : std::vector<std::string>{
             "\r\n\r\n", "GET\r\n\r\n", "GET /healthz\r\n\r\n", "GET /healthz HTTP/9.9\r\n\r\n",
             "\x16\x03\x01\r\n\r\n", std::string("GET /\0healthz HTTP/1.1\r\n\r\n", 26),
             "GET /healthz HTTP/1.1\r\nno colon\r\n\r\n", "GET /healthz HTTP/1.1\n\n\r\n\r\n",
             "GET /%zz%00%ff HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n",
             "DELETE /healthz HTTP/1.1\r\n\r\n", "GET http://[::::/ HTTP/1.1\r\nHost: [\r\n\r\n",
             "GET / HTTP/1.1\r\nAuthorization: Basic =====\r\nHost: stranger.example\r\n\r\n",
             "POST /healthz HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n",
             "POST /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\nx",
             "POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
             "POST /healthz HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
             "GET /metrics HTTP/1.1\r\nRange: bytes=99999999999999999999999-\r\n\r\n",
             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
        const Client client(running);
        client.put(request);
        client.half_close();
        const std::string response = client.read_all();
        CHECK((response.empty() || response.compare(0, 7, "HTTP/1.") == 0));
        CHECK(response.size() < 100'000);
    }
    CHECK(serves(running));
}

TEST_CASE("huge requests and floods of headers end at the limit") {
    const Running running;
    const auto flood = [&](const std::string& begin, const std::string& piece) {
        const Client client(running);
        client.put(begin);
        for (int i = 0; i < 20'000 && client.put(piece); ++i) {
        }
        client.half_close();
        return client.read_all();
    };
    CHECK(status(flood("GET /", std::string(100, 'a')) + "            ") != "HTTP/1.1 200");
    CHECK(status(flood("GET /healthz HTTP/1.1\r\n", "A: b\r\n") + "            ") != "HTTP/1.1 200");
    CHECK(status(get(running, "/healthz", "X: " + std::string(8192, 'x') + "\r\n")) == "HTTP/1.1 431");
    CHECK(status(get(running, "/healthz", "X: " + std::string(7000, 'x') + "\r\n")) == "HTTP/1.1 200");
    CHECK(serves(running));
}

TEST_CASE("parts of a response cannot be asked for many times at once") {
    const Running running;
    std::string ranges = "Range: bytes=0-";
    for (int i = 0; i < 1500; ++i) ranges += ",0-";
    const std::string response = get(running, "/metrics", ranges + "\r\n");
    CHECK(response.size() < 100'000);
    CHECK(serves(running));
}

TEST_CASE("one request a connection: what is pipelined behind it is dropped, and the response arrives") {
    const Running running;
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const std::string response = ask(running, many);
    CHECK(response.ends_with("\r\n\r\nok\n"));
    CHECK(response.find("HTTP/1.1", 1) == std::string::npos);
    const std::string with_body =
        ask(running, "POST /healthz HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
    CHECK(status(with_body) != "HTTP/1.1 200");
}

TEST_CASE("a request in pieces, and a client that has closed its side, are answered") {
    const Running running;
    const Client client(running);
    for (const char* piece : {"G", "ET /healthz HT", "TP/1.1\r", "\nHost: localhost\r\n", "\r", "\n"})
        client.put(piece);
    client.half_close();
    CHECK(client.read_all().ends_with("ok\n"));
}

TEST_CASE("the page needs the token where there is one, and the probes do not") {
    OperationsConfig config = on("127.0.0.1");
    config.token = "s3cret";
    const Running running(config);
    CHECK(status(get(running, "/")) == "HTTP/1.1 403");
    CHECK(status(get(running, "/", "Authorization: Bearer wrong\r\n")) == "HTTP/1.1 403");
    CHECK(status(get(running, "/", "Authorization: Bearer s3cret\r\n")) == "HTTP/1.1 200");
    for (const char* probe : {"/healthz", "/readyz", "/metrics"})
        CHECK(status(get(running, probe)) == "HTTP/1.1 200");
}

TEST_CASE("the page is not for everybody who reaches an address beyond loopback") {
    const Running running(on("0.0.0.0"));
    CHECK(status(get(running, "/")) == "HTTP/1.1 403");
    CHECK(serves(running));
}

TEST_CASE("it listens by name and on IPv6") {
    CHECK(serves(Running(on("localhost"))));
    const int ipv6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_addr = in6addr_loopback;
    const bool has_ipv6 = ipv6 >= 0 && bind(ipv6, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0;
    if (ipv6 >= 0) close(ipv6);
    if (!has_ipv6) return;
    const Running running(on("::1"));
    CHECK(running.server.address() == "[::1]:" + running.port);
    CHECK(serves(running));
    CHECK(serves(Running(on("::"))));
}

TEST_CASE("an address that cannot be had is an error that says why") {
    const Running running;
    OperationsConfig taken = on("127.0.0.1");
    taken.port = static_cast<std::uint16_t>(std::stoi(running.port));
    Server second;
    const auto refused = second.start(taken, snapshot);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == volley::ErrorCode::config);
    CHECK(refused.error().text.find("another volleyd") != std::string::npos);
    taken.port_given = false;
    CHECK(second.start(taken, snapshot));
    CHECK(second.address() != running.server.address());
    for (const char* host : {"no-such-host.invalid", "256.1.1.1", "203.0.113.7", ""}) {
        Server none;
        CHECK_FALSE((std::string(host).empty() ? Server().start(on("[::1"), snapshot)
                                               : none.start(on(host), snapshot)));
    }
}

TEST_CASE("without a descriptor left it waits for one, and goes on") {
    const Running running;
    CHECK(serves(running));
    std::vector<Client> waiting;
    for (int i = 0; i < 3; ++i) waiting.emplace_back(running);
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const Client client(running);
    const int next = dup(0);
    REQUIRE(next >= 0);
    close(next);
    const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    client.put("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const std::string response = client.read_all();
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(response.ends_with("ok\n"));
    CHECK(serves(running));
}
