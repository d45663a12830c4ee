// The engine as a library: what volleyd runs, for programs that bring their own configuration and handlers.
//
//     volley::EngineOptions options;
//     options.file = "volley.yml";
//     auto engine = volley::Engine::make(std::move(options));
//     if (!engine) { std::cerr << engine.error().text; return 78; }
//     return (*engine)->run();
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "volley/config.hpp"
#include "volley/handler.hpp"

namespace volley {

// A handler in the program itself. Called from the component's worker threads, from several at once if it has
// several workers. Fails as a Handler of the SDK does: by throwing RetryLater, Rejected, Dropped, or anything
// else.
using HandlerFunction = std::function<void(const Message&, Outputs&)>;

// What a service manager (systemd) gives a program that is to report its state.
struct ServiceManager {
    std::string notify_socket;  // NOTIFY_SOCKET; empty: nobody wants to know
    std::chrono::microseconds watchdog{
        0};  // WATCHDOG_USEC: it expects a sign of life this often; 0: it does not
};

struct EngineOptions {
    // The configuration: a file, or one built in code. Giving both, or neither, is an error.
    std::string file;
    std::optional<Config> config;
    // Directories that are searched for plugins before all others.
    std::vector<std::string> plugin_dirs;
    // Handlers by component name: they take the place of what the configuration says. A function is called
    // from `workers` times `concurrency` threads at once.
    std::map<std::string, HandlerFunction> handlers;
    // Plugins linked into the program, by the name under which the configuration knows them: with {"mine",
    // volley_plugin_v1(nullptr, nullptr)} there is type: mine.
    std::map<std::string, const volley_plugin*> plugins;
    // Drain and return once every input is empty.
    bool exit_when_idle = false;
    // Reload when the configuration changes, and restart the handlers whose files change. For development.
    bool watch = false;
    // Write to standard error, if it is a terminal, what runs and one line that follows how it goes.
    bool status_line = false;
    // Write to standard error, as volleyd does. The level and the format are the configuration's.
    bool log = true;
    // Send spans, if OTEL_EXPORTER_OTLP_ENDPOINT says where to (docs/tracing.md).
    bool tracing = true;
    // Report to it when the engine is ready, reloads and stops, and feed its watchdog.
    ServiceManager service_manager;
};

// How a component stands: a part of what /metrics shows.
struct ComponentStatus {
    std::string name;
    bool ready = false;
    std::string why_not_ready;
    // Messages: received = done + dead + dropped + requeued + released + in_flight.
    std::uint64_t received = 0;
    std::uint64_t done = 0;
    std::uint64_t dead = 0;
    std::uint64_t dropped = 0;
    std::uint64_t requeued = 0;
    std::uint64_t released = 0;
    std::uint64_t in_flight = 0;
};

class VOLLEY_EXPORT Engine {
public:
    // Reads and checks the configuration and makes everything; connects to nothing. The error's text holds
    // every mistake, ready to print, with file, line and column where there is a file.
    static Result<std::unique_ptr<Engine>> make(EngineOptions options);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Runs until stop(), a fatal error, or exit_when_idle. Returns the exit code: 0 clean; 65 a component
    // stopped at a message and none runs any more; 69 a dependency was unavailable at the start; 70 internal;
    // 75 the drain deadline passed; 77 not authorised; 78 configuration; 79 fenced. Call once. Blocks. Does
    // not touch signal handlers. 75 with a handler that hangs: the engine cannot be destroyed; call
    // std::_Exit (volleyd does).
    int run();
    // Reads the file again, while run() runs. If anything in it is wrong it says so on standard error and
    // nothing changes; else only the components that differ are drained and replaced. Does not wait. Thread:
    // any.
    void reload();
    // Drains and ends run(). Thread: any.
    void stop();
    // run() has returned and left a hanging handler behind.
    bool hung() const;
    // To be called before the process is ended with handlers at work, by a second signal: what they have in
    // hand is then not taken for the cause of a crash. Thread: any.
    void cut_off();

    // Thread: any.
    std::vector<ComponentStatus> status() const;
    bool ready() const;
    // All counters as Prometheus' text format 0.0.4 has them: what /metrics serves.
    std::string metrics() const;
    // Where /healthz, /readyz and /metrics are served: "127.0.0.1:3000". Empty before run(), or with
    // operations: off.
    std::string operations_address() const;

private:
    struct Parts;
    explicit Engine(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace volley
