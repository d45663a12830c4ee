// What an engine is made of, shared by engine.cpp, reload.cpp and controls.cpp.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/load.hpp"
#include "file_watch.hpp"
#include "handlers/function.hpp"
#include "log/log.hpp"
#include "operations/server.hpp"
#include "operations/service_notifier.hpp"
#include "plugins/catalog.hpp"
#include "runtime/component.hpp"
#include "runtime/snapshot.hpp"
#include "status_line.hpp"
#include "tracing/tracer.hpp"
#include "volley/engine.hpp"

namespace volley {

// Every mistake, ready to print.
Error all_of(const std::vector<config::Diagnostic>& diagnostics);
Error all_of(config::Loaded& loaded, const EngineOptions& options);
log::Level level_of(const std::string& name);
void log_warnings(const std::vector<config::Diagnostic>& diagnostics);
// Components whose handler is a function of the program have no other, whatever the configuration says.
void use_functions(const EngineOptions& options, Config& config);

// A new configuration on its way in. Those that stay go on untouched; those that are replaced or gone are
// drained first. It is in force once every new component has opened; if one cannot, the old ones come back.
struct Change {
    enum class Step { draining, opening, returning };
    Step step = Step::draining;
    Config config;
    std::unique_ptr<plugins::Catalog> catalog;
    std::set<std::string> going;                                // components that drain
    std::vector<std::unique_ptr<runtime::Component>> starting;  // made, and not started
    std::vector<const runtime::Component*> started;
    std::string refused;  // returning: why
};

// What an operator has set for a component for the time being. It outlives a reload.
struct Limit {
    std::uint32_t value = 0;
    std::optional<runtime::Nanoseconds> back;  // when it ends by itself
};

struct Engine::Parts {
    EngineOptions options;
    Config config;
    std::unique_ptr<plugins::Catalog> catalog;
    std::map<std::string, std::unique_ptr<handlers::Function>> functions;
    std::unique_ptr<tracing::Tracer> tracer;  // null: off. Outlives the components, which use it
    std::vector<std::unique_ptr<runtime::Component>> components;
    operations::Server server;
    double started_seconds = 0;
    std::unique_ptr<operations::ServiceNotifier> service;  // while run() runs, if somebody wants to know
    runtime::Nanoseconds give_up_at{0};                    // a stop takes no longer; 0: nobody stops
    bool has_opened = false;                               // every component has, at the start
    // Of run()'s thread.
    std::optional<Change> change;  // being carried out
    std::optional<Error> broken;   // what ends the engine, where it is no component's failure
    FileWatch file_watch;          // begun if options.watch is set
    // Components that the next reload restarts, though their configuration stays the same.
    std::set<std::string> changed_handlers;
    runtime::Nanoseconds next_look{0};      // at the files
    std::optional<StatusLine> status_line;  // on a terminal, if options.status_line is set
    runtime::Nanoseconds next_status{0};    // line

    // Guards the flags, and `components` and `config` where run()'s thread, the only one that changes those
    // two, changes them and others read them. Held for moments only: whoever stops the engine waits for it.
    mutable std::mutex mutex;
    runtime::Condition changed;
    bool stopping = false;
    bool hung = false;
    bool stalled = false;
    bool reload_asked = false;
    runtime::ReloadSnapshot reloads;
    std::set<std::string> paused_components;
    std::map<std::string, Limit> worker_limits;  // by component
    std::map<std::string, Limit> rate_limits;
    std::optional<runtime::Nanoseconds> log_level_back;  // when the configured level returns
    std::shared_ptr<const operations::Configuration> shown_configuration;
    std::shared_ptr<const Config> config_in_force;  // a copy, for other threads

    runtime::BuiltInHandler handler_for(const Config& of, const ComponentConfig& component) const;
    Result<std::unique_ptr<runtime::Component>> make_component(const Config& from,
                                                               const ComponentConfig& component,
                                                               plugins::Catalog& from_catalog) const;
    Result<void> make_components();
    Result<std::unique_ptr<plugins::Catalog>> make_catalog(const Config& of) const;
    runtime::EngineSnapshot snapshot() const;
    int wait_for_end();
    void show_banner();
    void show_status();
    void finish_tracing();
    bool check_components();
    bool all_ended() const;
    bool is_idle() const;
    int exit_code() const;
    void stop_all();
    void leave_behind();
    bool is_stopping() const;
    void begin_stop();
    // controls.cpp
    operations::Controls controls();
    void want_backlogs() const;
    bool pause(const std::string& component, bool paused);
    bool limit(std::map<std::string, Limit>& limits, const std::string& component, std::uint32_t value,
               Milliseconds back_after);
    void apply_limits(runtime::Component& component) const;
    void end_limits();
    void add_limits(runtime::ComponentSnapshot& snapshot) const;
    std::uint64_t ask_reload();
    void reload_begins();
    void reload_ends(bool applied, const std::string& text);
    void restore_log_level();
    void show_configuration();
    void add_operators_state(runtime::EngineSnapshot& snapshot) const;
    void report_to_service_manager();
    // reload.cpp
    bool reload_is_due();
    void look_at_files();
    void begin_reload();
    Result<Change> plan(Config next, const std::set<std::string>& restarting) const;
    void advance_change();
    void open_new();
    void watch_opening();
    void refuse_change(std::string why);
    void bring_back_old();
    void commit_change();
    bool is_changing(const runtime::Component& component) const;
    bool take_out_changing();
    void put_in(std::unique_ptr<runtime::Component> component);
};

}  // namespace volley
