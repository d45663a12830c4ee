#include "operations/server.hpp"

#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "log/log.hpp"
#include "operations/access.hpp"
#include "operations/api.hpp"
#include "operations/connections.hpp"
#include "operations/dashboard.hpp"
#include "operations/listener.hpp"
#include "operations/metrics.hpp"
#include "operations/openmetrics.hpp"
#include "operations/reply.hpp"
#include "text/number.hpp"
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

// The dashboard's page names the application, so that its title is right before the first snapshot.
std::string page(const runtime::EngineSnapshot& s) {
    constexpr std::string_view mark = "{{app}}";
    const std::string app = escaped(s.app);  // which may contain the mark itself
    std::string text(dashboard_html);
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + app.size()))
        text.replace(at, mark.size(), app);
    return text;
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

Claims claims_of(const httplib::Request& request) {
    Claims claims;
    claims.authorization = request.get_header_value("Authorization");
    claims.host = request.get_header_value("Host");
    claims.origin = request.get_header_value("Origin");
    claims.fetch_site = request.get_header_value("Sec-Fetch-Site");
    claims.fetch_mode = request.get_header_value("Sec-Fetch-Mode");
    claims.writes = request.method != "GET" && request.method != "HEAD";
    return claims;
}

// The dashboard's scripts, which its page loads in this order. Views into other files: not constexpr.
const std::pair<const char*, const std::string_view&> scripts[] = {{"/document.js", document_js},
                                                                   {"/requests.js", requests_js},
                                                                   {"/flow.js", flow_js},
                                                                   {"/charts.js", charts_js},
                                                                   {"/letter.js", letter_js},
                                                                   {"/letters.js", letters_js},
                                                                   {"/letter_actions.js", letter_actions_js},
                                                                   {"/views.js", views_js},
                                                                   {"/dashboard.js", dashboard_js}};

constexpr std::uint64_t longest_body = 1U << 20U;
// At the end, with a connector that was asked for dead letters.
constexpr std::chrono::milliseconds patience_with_connectors{500};
const char* const text_type = "text/plain; charset=utf-8";
const char* const json_type = "application/json";

// The library parses, routes and writes. Its own loop, which waits for clients in threads, is not used.
class Http : public httplib::Server {
public:
    Http(Controls controls, Access access)
        : snapshot_(controls.snapshot), access_(std::move(access)), api_(std::move(controls)) {
        probes();
        dashboard();
        set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
            if (!is_api_path(request.path)) return HandlerResponse::Unhandled;
            serve_api(request, response);
            return HandlerResponse::Handled;
        });
        set_error_handler([](const httplib::Request&, httplib::Response& response) {
            if (!response.body.empty()) return;
            response.set_content(response.status == 404 ? "not found\n" : "the request is malformed\n",
                                 text_type);
        });
        set_payload_max_length(0);
        set_default_headers({{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
                             {"X-Content-Type-Options", "nosniff"},
                             {"Referrer-Policy", "no-referrer"},
                             {"Cache-Control", "no-store"}});
    }

    Reply answer(const std::string& head, const std::string* body, const std::string& from) {
        MemoryStream stream(head);
        bool closed = false;
        from_ = from;
        body_ = body;
        streams_ = false;
        own_events_ = {};
        instead_ = {};
        // Multiple ranges would let a small request cause a large response.
        process(stream, closed, [](httplib::Request& request) { request.ranges.clear(); });
        if (instead_.later || instead_.wants_body > 0) return std::move(instead_);
        std::string bytes = stream.take_response();
        if (!streams_) return whole_reply(std::move(bytes));
        return {
            response_head(200, "text/event-stream", {}) + first_event_, true, std::move(own_events_), 0, {}};
    }

    bool stop(std::chrono::milliseconds patience) { return api_.stop(patience); }

    std::string tick(bool wanted) { return api_.tick(wanted); }

private:
    // Since version 0.17 the library wants the addresses of both sides, which it only passes on to handlers.
    template <typename Setup>
    void process(MemoryStream& stream, bool& closed, const Setup& setup) {
        if constexpr (requires { this->process_request(stream, "", 0, "", 0, true, closed, setup); })
            this->process_request(stream, "", 0, "", 0, true, closed, setup);
        else
            this->process_request(stream, true, closed, setup);
    }

    void probes() {
        Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
            response.set_content("ok\n", text_type);
        });
        Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
            const auto s = snapshot_(false);
            response.status = s.ready ? 200 : 503;
            response.set_content(readiness(s), text_type);
        });
        Get("/metrics", [this](const httplib::Request& request, httplib::Response& response) {
            if (accepts_openmetrics(request.get_header_value("Accept")))
                return response.set_content(render_openmetrics(snapshot_(true)), openmetrics_type);
            response.set_content(render_metrics(snapshot_(true)), "text/plain; version=0.0.4; charset=utf-8");
        });
    }

    void dashboard() {
        page_at("/", "text/html; charset=utf-8", [this] { return page(snapshot_(false)); });
        page_at("/dashboard.css", "text/css; charset=utf-8", [] { return std::string(dashboard_css); });
        for (const auto& [path, script] : scripts)
            page_at(path, "text/javascript; charset=utf-8", [script] { return std::string(script); });
    }

    template <typename Content>
    void page_at(const char* path, const char* type, Content content) {
        Get(path, [this, type, content](const httplib::Request& request, httplib::Response& response) {
            if (const auto refused = refusal(access_, claims_of(request)))
                return refuse(*refused, refused->text + "\n", text_type, response);
            response.headers.erase("Content-Security-Policy");  // a browser would obey both
            response.set_header(
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
            response.set_content(content(), type);
        });
    }

    static void refuse(const Refusal& refused, const std::string& body, const char* type,
                       httplib::Response& response) {
        response.status = refused.status;
        // A browser then asks for the token, as a password of any user.
        if (refused.status == 401)
            response.set_header("WWW-Authenticate", "Basic realm=\"volley\", charset=\"UTF-8\"");
        response.set_content(body, type);
    }

    void serve_api(const httplib::Request& request, httplib::Response& response) {
        const Claims claims = claims_of(request);
        if (const auto refused = refusal(access_, claims))
            return refuse(*refused, error_body(refused->text), json_type, response);
        ApiResponse answer = api_.answer(
            {request.method, request.path, request.params, name_of_client(access_, claims), from_, body_});
        if (answer.wants_body) answer = want_body(request);
        instead_.later = std::move(answer.later);
        streams_ = answer.events && request.method == "GET";
        if (streams_) first_event_ = std::move(answer.body);
        if (streams_) own_events_ = std::move(answer.own_events);
        response.status = answer.status;
        if (!answer.allow.empty()) response.set_header("Allow", answer.allow);
        response.set_content(answer.events ? std::string() : answer.body,
                             answer.events ? "text/event-stream" : json_type);
    }

    // Only a body whose length is known before is taken.
    ApiResponse want_body(const httplib::Request& request) {
        ApiResponse refused;
        const auto length = text::whole_number(request.get_header_value("Content-Length"));
        refused.status = !length || request.has_header("Transfer-Encoding") ? 411 : *length == 0 ? 400 : 413;
        if (refused.status == 411)
            refused.body = error_body("this needs a body with a Content-Length");
        else if (refused.status == 400)
            refused.body = error_body("this needs a body: the new body of the message");
        else if (*length > longest_body)
            refused.body = error_body("the body is over 1 MiB; `volley dlq retry --edit` takes it");
        else
            instead_.wants_body = static_cast<std::size_t>(*length);
        return refused;
    }

    std::function<runtime::EngineSnapshot(bool)> snapshot_;
    Access access_;
    Api api_;
    // Of the request that is being answered.
    std::string from_;
    const std::string* body_ = nullptr;
    bool streams_ = false;
    std::string first_event_;
    std::function<std::string()> own_events_;
    Reply instead_;  // of what the library has written
};

}  // namespace

struct Server::Parts {
    Parts(Controls controls, Access access) : http(std::move(controls), std::move(access)) {}
    Http http;
    std::string address;
    std::unique_ptr<Connections> connections;
};

Server::Server() = default;
Server::~Server() { stop(); }

Result<void> Server::start(const OperationsConfig& config, Controls controls) {
    auto listener = listen_on(config.host, config.port);
    // A taken default port does not prevent the start.
    if (!listener && !config.port_given && listener.error().code == ErrorCode::config) {
        listener = listen_on(config.host, 0);
        if (listener)
            log::warning("port " + std::to_string(config.port) + " is taken; operations use a free one");
    }
    if (!listener) return listener.error();
    auto parts = std::make_unique<Parts>(std::move(controls),
                                         Access{config.token, config.host, listener->loopback_only});
    parts->address = address_text(config.host, listener->port);
    Service service;
    service.answer = [http = &parts->http](const std::string& head, const std::string* body,
                                           const std::string& from) {
        return http->answer(head, body, from);
    };
    service.tick = [http = &parts->http](bool wanted) { return http->tick(wanted); };
    parts->connections = std::make_unique<Connections>(std::move(*listener), std::move(service));
    if (auto started = parts->connections->start(); !started) return started.error();
    log::info("operations", {{"listen", parts->address}});
    parts_ = std::move(parts);
    return {};
}

bool Server::stop() {
    if (!parts_) return true;
    parts_->connections->stop();
    const bool ended = parts_->http.stop(patience_with_connectors);
    parts_.reset();
    return ended;
}

std::string Server::address() const { return parts_ ? parts_->address : std::string(); }

}  // namespace volley::operations
