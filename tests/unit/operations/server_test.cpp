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

volley::operations::Controls controls() {
    volley::operations::Controls c;
    c.snapshot = [](bool) {
        volley::runtime::EngineSnapshot s;
        s.app = "test<app>";
        s.ready = true;
        s.log_level = "info";
        volley::runtime::ComponentSnapshot ship;
        ship.name = "ship/fast";
        ship.ready = true;
        s.components.push_back(ship);
        return s;
    };
    c.pause = [](const std::string& component, bool) { return component == "ship/fast"; };
    c.limit_workers = [](const std::string& component, std::uint32_t, std::chrono::milliseconds) {
        return component == "ship/fast";
    };
    c.limit_rate = c.limit_workers;
    c.want_in_flight = [] {};
    c.tap = [](const std::string&) { return std::shared_ptr<volley::runtime::Tap>(); };
    c.reload = [] { return std::uint64_t{7}; };
    c.drain = [] {};
    c.set_log_level = [](volley::log::Level, std::chrono::milliseconds) {};
    c.configuration = [] { return std::make_shared<const volley::operations::Configuration>(); };
    c.queue_config = [] { return std::make_shared<const volley::Config>(); };
    c.make_catalog = [](const volley::Config&) {
        return std::make_unique<volley::plugins::Catalog>(std::vector<std::filesystem::path>());
    };
    return c;
}

struct Running {
    explicit Running(OperationsConfig config = on("127.0.0.1")) {
        const auto started = server.start(config, controls());
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
    // What the server has sent when it is enough.
    template <typename Enough>
    std::string read_until(Enough&& enough) const {
        std::string all;
        pollfd fd{fd_, POLLIN, 0};
        std::array<char, 4096> buffer{};
        while (!enough(all)) {
            REQUIRE(poll(&fd, 1, 20'000) == 1);
            const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
            REQUIRE(n > 0);
            all.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return all;
    }
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
    CHECK(status(get(running, "/")) == "HTTP/1.1 401");
    CHECK(get(running, "/").find("\r\nWWW-Authenticate: Basic realm=") != std::string::npos);
    CHECK(status(get(running, "/", "Authorization: Bearer wrong\r\n")) == "HTTP/1.1 401");
    CHECK(status(get(running, "/", "Authorization: Bearer s3cret\r\n")) == "HTTP/1.1 200");
    for (const char* probe : {"/healthz", "/readyz", "/metrics"})
        CHECK(status(get(running, probe)) == "HTTP/1.1 200");
}

TEST_CASE("the page is not for everybody who reaches an address beyond loopback") {
    const Running running(on("0.0.0.0"));
    CHECK(status(get(running, "/")) == "HTTP/1.1 403");
    CHECK(serves(running));
}

std::string post(const Running& running, const std::string& path, const std::string& headers = {}) {
    return ask(running, "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
}

TEST_CASE("the API answers in JSON, and says what it does not take") {
    const Running running;
    for (const char* path : {"status", "components", "components/ship%2Ffast", "components/ship/fast",
                             "queues", "configuration", "log"}) {
        INFO(path);
        const std::string response = get(running, std::string("/api/v1/") + path);
        CHECK(status(response) == "HTTP/1.1 200");
        CHECK(response.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
        CHECK(response.ends_with("}\n"));
    }
    CHECK(status(get(running, "/api/v1/components/pack")) == "HTTP/1.1 404");
    CHECK(status(get(running, "/api/v1/")) == "HTTP/1.1 404");
    CHECK(status(get(running, "/api/v2/status")) == "HTTP/1.1 404");
    CHECK(status(get(running, "/api")) == "HTTP/1.1 404");
    CHECK(status(get(running, "/api/v1/reload")) == "HTTP/1.1 405");
    CHECK(get(running, "/api/v1/reload").find("\r\nAllow: POST\r\n") != std::string::npos);
    CHECK(status(post(running, "/api/v1/status")) == "HTTP/1.1 405");
    CHECK(status(post(running, "/api/v1/reload")) == "HTTP/1.1 202");
    CHECK(post(running, "/api/v1/reload").ends_with("{\"number\":7}\n"));
    CHECK(status(post(running, "/api/v1/components/ship%2Ffast/pause")) == "HTTP/1.1 200");
    CHECK(status(post(running, "/api/v1/components/pack/pause")) == "HTTP/1.1 404");
    CHECK(status(post(running, "/api/v1/components//pause")) == "HTTP/1.1 405");
    CHECK(status(post(running, "/api/v1/log")) == "HTTP/1.1 400");
    CHECK(status(post(running, "/api/v1/log?level=off")) == "HTTP/1.1 400");
    CHECK(status(post(running, "/api/v1/log?level=debug&for=-1s")) == "HTTP/1.1 400");
    CHECK(status(post(running, "/api/v1/log?level=debug&for=9999999h")) == "HTTP/1.1 400");
    CHECK(status(post(running, "/api/v1/log?level=debug&for=10m")) == "HTTP/1.1 200");
}

TEST_CASE("a page of another site can neither read the API nor write") {
    const Running running;
    CHECK(status(get(running, "/api/v1/status", "Origin: http://stranger.example\r\n")) == "HTTP/1.1 403");
    for (const char* header :
         {"Origin: http://stranger.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n",
          "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n",
          "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"}) {
        INFO(header);
        CHECK(status(post(running, "/api/v1/drain", header)) == "HTTP/1.1 403");
    }
    CHECK(status(post(running, "/api/v1/reload",
                      "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n")) == "HTTP/1.1 202");
    const std::string rebound = ask(running, "POST /api/v1/drain HTTP/1.1\r\nHost: stranger.example\r\n\r\n");
    CHECK(status(rebound) == "HTTP/1.1 403");
    CHECK(get(running, "/api/v1/status").find("Access-Control") == std::string::npos);
}

TEST_CASE("the API needs the token where there is one") {
    OperationsConfig config = on("127.0.0.1");
    config.token = "s3cret";
    const Running running(config);
    for (const char* path : {"/api/v1/status", "/api/v1/events", "/api/v1/nowhere", "/api/v1/history",
                             "/dashboard.js", "/views.js"})
        CHECK(status(get(running, path)) == "HTTP/1.1 401");
    CHECK(status(post(running, "/api/v1/drain")) == "HTTP/1.1 401");
    CHECK(status(post(running, "/api/v1/drain", "Authorization: Bearer s3cret\r\n")) == "HTTP/1.1 202");
}

TEST_CASE("the dashboard may load only its own files, and everything else nothing") {
    const Running running;
    const auto policies = [&](const std::string& path) {
        const std::string response = get(running, path);
        const std::string name = "\r\nContent-Security-Policy: ";
        const std::size_t at = response.find(name);
        REQUIRE(at != std::string::npos);
        CHECK(response.find(name, at + 1) == std::string::npos);
        return response.substr(at + name.size(), response.find("\r\n", at + 2) - at - name.size());
    };
    for (const char* path : {"/", "/dashboard.css", "/document.js", "/requests.js", "/flow.js", "/charts.js",
                             "/views.js", "/dashboard.js"})
        CHECK(policies(path).find("default-src 'none'; script-src 'self';") == 0);
    for (const char* path : {"/healthz", "/api/v1/status", "/nowhere"})
        CHECK(policies(path) == "default-src 'none'; frame-ancestors 'none'");
}

TEST_CASE("an application may be named after the mark of the page") {
    volley::operations::Controls named = controls();
    named.snapshot = [](bool) {
        volley::runtime::EngineSnapshot s;
        s.app = "{{app}}{{app}}";
        return s;
    };
    Running running;
    running.server.stop();
    REQUIRE(running.server.start(on("127.0.0.1"), named));
    const std::string address = running.server.address();
    running.port = address.substr(address.rfind(':') + 1);
    CHECK(get(running, "/").find("<h1>{{app}}{{app}}</h1>") != std::string::npos);
}

TEST_CASE("events follow each other until the client goes, and too many readers are told to wait") {
    const Running running;
    const std::string request = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    Client reader(running);
    reader.put(request);
    const std::string begin = reader.read_until([](const std::string& all) {
        std::size_t events = 0;
        for (std::size_t at = all.find("data: "); at != std::string::npos; at = all.find("data: ", at + 1))
            ++events;
        return events >= 3;
    });
    CHECK(status(begin) == "HTTP/1.1 200");
    CHECK(begin.find("\r\nContent-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(begin.find("\"app\":\"test<app>\"") != std::string::npos);
    std::vector<Client> many;
    for (int i = 0; i < 31; ++i) {
        many.emplace_back(running);
        many.back().put(request);
        many.back().read_until(
            [](const std::string& all) { return all.find("data: ") != std::string::npos; });
    }
    CHECK(status(ask(running, request)) == "HTTP/1.1 503");
    many.clear();
    CHECK(serves(running));
    CHECK(status(ask(running, "HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")) == "HTTP/1.1 200");
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
    const auto refused = second.start(taken, controls());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == volley::ErrorCode::config);
    CHECK(refused.error().text.find("another volleyd") != std::string::npos);
    taken.port_given = false;
    CHECK(second.start(taken, controls()));
    CHECK(second.address() != running.server.address());
    for (const char* host : {"no-such-host.invalid", "256.1.1.1", "203.0.113.7", ""}) {
        Server none;
        CHECK_FALSE((std::string(host).empty() ? Server().start(on("[::1"), controls())
                                               : none.start(on(host), controls())));
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
