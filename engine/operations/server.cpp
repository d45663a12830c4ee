#include "operations/server.hpp"

#include <httplib.h>

#include <thread>

#include "log/log.hpp"
#include "operations/metrics.hpp"

namespace volley::operations {

namespace {

// Probes must be answered while others dawdle: short deadlines, small requests, and enough threads.
constexpr std::size_t threads = 8;
constexpr std::time_t deadline_seconds = 5;

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
    for (const char c : text) {
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

bool is_loopback(const std::string& host) {
    return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

}  // namespace

struct Server::Parts {
    httplib::Server http;
    std::thread thread;
    std::string address;
    std::function<runtime::EngineSnapshot()> snapshot;

    void routes(bool page_allowed);
};

void Server::Parts::routes(bool page_allowed) {
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
    http.Get("/", [this, page_allowed](const httplib::Request&, httplib::Response& response) {
        if (!page_allowed) {
            response.status = 403;
            response.set_content("this page is served on loopback only\n", "text/plain; charset=utf-8");
            return;
        }
        response.set_content(page(snapshot()), "text/html; charset=utf-8");
    });
    http.set_error_handler([](const httplib::Request&, httplib::Response& response) {
        if (response.body.empty()) response.set_content("not found\n", "text/plain; charset=utf-8");
    });
    http.set_default_headers({{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
                              {"X-Content-Type-Options", "nosniff"}});
}

Server::Server() = default;
Server::~Server() { stop(); }

Result<void> Server::start(const OperationsConfig& config,
                           std::function<runtime::EngineSnapshot()> snapshot) {
    auto parts = std::make_unique<Parts>();
    parts->snapshot = std::move(snapshot);
    parts->http.new_task_queue = [] { return new httplib::ThreadPool(threads); };
    parts->http.set_read_timeout(deadline_seconds, 0);
    parts->http.set_write_timeout(deadline_seconds, 0);
    parts->http.set_keep_alive_max_count(1);
    parts->http.set_payload_max_length(0);
    parts->routes(is_loopback(config.host));
    // SO_REUSEADDR alone: the library's default SO_REUSEPORT would let two engines share one port without a
    // word.
    parts->http.set_socket_options([](socket_t socket) {
        const int yes = 1;
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    int port = config.port;
    bool bound = port != 0 && parts->http.bind_to_port(config.host.c_str(), port);
    if (!bound && port != 0 && config.port_given) {
        return Error(ErrorCode::config,
                     "operations.listen: " + config.host + ":" + std::to_string(port) +
                         " cannot be bound; is another volleyd running? Port 0 takes a free one");
    }
    if (!bound) {
        const int wanted = port;
        port = parts->http.bind_to_any_port(config.host.c_str());
        if (port <= 0)
            return Error(ErrorCode::config, "operations.listen: " + config.host + " cannot be bound");
        if (wanted != 0)
            log::warning("port " + std::to_string(wanted) + " is taken; operations use a free one");
    }
    parts->address = config.host + ":" + std::to_string(port);
    log::info("operations", {{"listen", parts->address}});
    parts->thread = std::thread([raw = parts.get()] { raw->http.listen_after_bind(); });
    while (!parts->http.is_running()) std::this_thread::yield();
    parts_ = std::move(parts);
    return {};
}

void Server::stop() {
    if (!parts_) return;
    parts_->http.stop();
    if (parts_->thread.joinable()) parts_->thread.join();
    parts_.reset();
}

std::string Server::address() const { return parts_ ? parts_->address : std::string(); }

}  // namespace volley::operations
