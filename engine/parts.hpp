// What an engine is made of, shared by engine.cpp and reload.cpp.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "handlers/function.hpp"
#include "log/log.hpp"
#include "operations/server.hpp"
#include "plugins/catalog.hpp"
#include "runtime/component.hpp"
#include "volley/engine.hpp"

namespace volley {

// Every mistake, ready to print.
Error all_of(const std::vector<config::Diagnostic>& diagnostics);
Error all_of(config::Loaded& loaded, const EngineOptions& options);
log::Level level_of(const std::string& name);

// A new configuration on its way in: those that stay go on untouched; those that are replaced or gone are
// drained first.
struct Change {
    Config config;
    std::unique_ptr<plugins::Catalog> catalog;
    std::vector<std::string> stopping;                          // components that drain
    std::vector<std::unique_ptr<runtime::Component>> starting;  // made, and not started
};

struct Engine::Parts {
    EngineOptions options;
    Config config;
    // The last is the present one; the others keep what components that were made from them use.
    std::vector<std::unique_ptr<plugins::Catalog>> catalogs;
    std::map<std::string, std::unique_ptr<handlers::Function>> functions;
    std::vector<std::unique_ptr<runtime::Component>> components;
    operations::Server server;
    double started_seconds = 0;

    mutable std::mutex mutex;
    std::condition_variable changed;
    bool stopping = false;
    bool hung = false;
    bool stalled = false;
    bool reload_asked = false;
    std::optional<Change> change;  // being carried out

    runtime::BuiltInHandler handler_for(const Config& of, const ComponentConfig& component) const;
    Result<std::unique_ptr<runtime::Component>> make_component(const Config& from,
                                                               const ComponentConfig& component,
                                                               plugins::Catalog& catalog) const;
    Result<void> make_components();
    Result<std::unique_ptr<plugins::Catalog>> make_catalog(const Config& of) const;
    // reload.cpp
    void begin_reload();
    Result<Change> plan(Config next) const;
    void finish_reload();
    runtime::EngineSnapshot snapshot() const;
    int wait_for_end();
    int exit_code() const;
    void stop_all();
};

}  // namespace volley
