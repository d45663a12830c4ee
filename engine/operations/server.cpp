#include "operations/server.hpp"

#include <httplib.h>

#include <memory>
#include <utility>

#include "log/log.hpp"
#include "operations/access.hpp"
#include "operations/connections.hpp"
#include "operations/listener.hpp"
#include "operations/metrics.hpp"
#include "text/text.hpp"

namespace volley::operations {

namespace {

std::string readiness(const runtime::EngineSnapshot& s) {
    std::string text = s.draining ? "draining\n" : "";
    for (const auto& c : s.components) {
        text += (c.ready ? "ok   " : "wait ") + c.name +
                (c.why_not_ready.empty() ? "" : ": " + c.why_not_ready) + "\n";
    }
    return text;
}

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text::safe(text)) {
        if (c == '<')
            out += "&lt;";
        else if (c == '&')
            out += "&amp;";
        else
            out += c;
    }
    return out;
}

std::string page(const runtime::EngineSnapshot& s) {
    std::string rows;
    for (const auto& c : s.components) {
        rows += "<tr><td>" + escaped(c.name) + "<td>" + (c.ready ? "ready" : escaped(c.why_not_ready)) +
                "<td>" + std::to_string(c.received) + "<td>" + std::to_string(c.done) + "<td>" +
                std::to_string(c.dead) + "<td>" + std::to_string(c.in_flight) + "\n";
    }
    return "<!doctype html><meta charset=utf-8><title>volleyd " + escaped(s.app) +
           "</title><style>body{font:16px system-ui;margin:2em}td,th{padding:.3em "
           "1em;text-align:left}</style><h1>volleyd " +
           escaped(s.app) +
           "</h1><table><tr><th>component<th>state<th>received<th>done<th>dead<th>in flight\n" + rows +
           "</table><p><a href=/healthz>healthz</a> <a href=/readyz>readyz</a> <a href=/metrics>metrics</a>";
}

// A stream with the request in memory, and room for its response, as the HTTP library needs it.
class MemoryStream : public httplib::Stream {
public:
    explicit MemoryStream(const std::string& request) : request_(request) {}
    bool is_readable() const override { return read_ < request_.size(); }
    bool is_writable() const override { return true; }
    ssize_t read(char* to, std::size_t size) override {
        const std::size_t n = request_.copy(to, size, read_);
        read_ += n;
        return static_cast<ssize_t>(n);
    }
    ssize_t write(const char* from, std::size_t size) override {
        response_.append(from, size);
        return static_cast<ssize_t>(size);
    }
    void get_remote_ip_and_port(std::string&, int&) const override {}
    void get_local_ip_and_port(std::string&, int&) const override {}
    socket_t socket() const override {
        return 0;
    }  // a small number, because the library checks that select() accepts it
    std::string take_response() { return std::move(response_); }

private:
    const std::string& request_;
    std::size_t read_ = 0;
    std::string response_;
};

// The library parses, routes and writes. Its own loop, which waits for clients in threads, is not used.
class Http : public httplib::Server {
public:
    std::string answer(const std::string& head) {
        MemoryStream stream(head);
        bool closed = false;
        // Multiple ranges would let a small request cause a large response.
        process_request(stream, true, closed, [](httplib::Request& request) { request.ranges.clear(); });
        return stream.take_response();
    }
};

Claims claims_of(const httplib::Request& request) {
    Claims claims;
    claims.authorization = request.get_header_value("Authorization");
    claims.host = request.get_header_value("Host");
    claims.origin = request.get_header_value("Origin");
    claims.fetch_site = request.get_header_value("Sec-Fetch-Site");
    claims.fetch_mode = request.get_header_value("Sec-Fetch-Mode");
    return claims;
}

}  // namespace

struct Server::Parts {
    Http http;
    std::string address;
    Access access;
    std::function<runtime::EngineSnapshot()> snapshot;
    std::unique_ptr<Connections> connections;

    void routes();
};

void Server::Parts::routes() {
    http.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
        response.set_content("ok\n", "text/plain; charset=utf-8");
    });
    http.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
        const auto s = snapshot();
        response.status = s.ready ? 200 : 503;
        response.set_content(readiness(s), "text/plain; charset=utf-8");
    });
    http.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
        response.set_content(render_metrics(snapshot()), "text/plain; version=0.0.4; charset=utf-8");
    });
    http.Get("/", [this](const httplib::Request& request, httplib::Response& response) {
        if (const auto refused = refusal(access, claims_of(request))) {
            response.status = 403;
            response.set_content(*refused, "text/plain; charset=utf-8");
            return;
        }
        response.set_content(page(snapshot()), "text/html; charset=utf-8");
    });
    http.set_error_handler([](const httplib::Request&, httplib::Response& response) {
        if (!response.body.empty()) return;
        response.set_content(response.status == 404 ? "not found\n" : "the request is malformed\n",
                             "text/plain; charset=utf-8");
    });
    http.set_payload_max_length(0);
    http.set_default_headers(
        {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
         {"X-Content-Type-Options", "nosniff"},
         {"Cache-Control", "no-store"}});
}

Server::Server() = default;
Server::~Server() { stop(); }

Result<void> Server::start(const OperationsConfig& config,
                           std::function<runtime::EngineSnapshot()> snapshot) {
    auto listener = listen_on(config.host, config.port);
    // A taken default port does not prevent the start.
    if (!listener && !config.port_given && listener.error().code == ErrorCode::config) {
        listener = listen_on(config.host, 0);
        if (listener)
            log::warning("port " + std::to_string(config.port) + " is taken; operations use a free one");
    }
    if (!listener) return listener.error();
    auto parts = std::make_unique<Parts>();
    parts->snapshot = std::move(snapshot);
    parts->access = {config.token, config.host, listener->loopback_only};
    parts->address = address_text(config.host, listener->port);
    parts->routes();
    parts->connections = std::make_unique<Connections>(
        std::move(*listener),
        [raw = parts.get()](const std::string& head) { return raw->http.answer(head); });
    if (auto started = parts->connections->start(); !started) return started.error();
    log::info("operations", {{"listen", parts->address}});
    parts_ = std::move(parts);
    return {};
}

void Server::stop() {
    if (parts_) parts_->connections->stop();
    parts_.reset();
}

std::string Server::address() const { return parts_ ? parts_->address : std::string(); }

}  // namespace volley::operations
