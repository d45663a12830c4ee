#include "volley/engine.hpp"

#include <unistd.h>

#include <algorithm>

#include "check/check.hpp"
#include "handlers/process.hpp"
#include "log/log.hpp"
#include "log/operating.hpp"
#include "log/output.hpp"
#include "operations/metrics.hpp"
#include "parts.hpp"
#include "plugins/search_path.hpp"
#include "runtime/schedule.hpp"
#include "runtime/sigpipe.hpp"

namespace volley {

namespace {

// At the components: while they work, which costs an idle engine most of its CPU, and while an end is near.
constexpr std::chrono::milliseconds look_at_work{100};
constexpr std::chrono::milliseconds look_at_change{20};
constexpr std::chrono::milliseconds idle_for{
    250};  // all components together, before exit_when_idle believes it
// For what follows the drain: closing producers and consumers, each in its own time.
constexpr std::chrono::milliseconds close_allowance{1'500};
// Added to the limits that a service manager is told, so that the engine's own end comes first.
constexpr std::chrono::milliseconds service_margin{10'000};
constexpr std::chrono::milliseconds longest_flush{3'000};  // of spans, at the end
constexpr int exit_stopped_by_message = 65;
constexpr int exit_out_of_time = 75;

std::unique_ptr<tracing::Tracer> make_tracer(const EngineOptions& options, const Config& config) {
    if (!options.tracing) return nullptr;
    const auto environment = config::environment();
    return tracing::Tracer::make([&](const char* name) { return environment(name).value_or(""); },
                                 config.app);
}

}  // namespace

log::Level level_of(const std::string& name) { return log::level_named(name).value_or(log::Level::info); }

Error all_of(const std::vector<config::Diagnostic>& diagnostics) {
    return Error(ErrorCode::config,
                 config::render(diagnostics, config::Format::text, config::screen_of(STDERR_FILENO)));
}

// What --check warns of is in the log as well, with its advice.
void log_warnings(const std::vector<config::Diagnostic>& diagnostics) {
    for (const auto& diagnostic : diagnostics) {
        if (diagnostic.severity == config::Diagnostic::Severity::warning)
            log::warning(diagnostic.text, {{"code", diagnostic.code}, {"advice", diagnostic.help}});
    }
}

void use_functions(const EngineOptions& options, Config& config) {
    for (ComponentConfig& component : config.components) {
        if (options.handlers.count(component.name) == 0) continue;
        component.handler.kind = HandlerConfig::Kind::function;
        // A function returns when its message is done, so each message at work needs a thread: a worker.
        constexpr std::uint64_t most_workers = 1024;
        const auto workers = std::uint64_t{component.workers} * std::max(component.concurrency, 1U);
        component.workers = static_cast<std::uint32_t>(
            std::min(workers, std::max<std::uint64_t>(component.workers, most_workers)));
        component.concurrency = 1;
    }
}

// With what the plugins have to say of the parts that could be read.
Error all_of(config::Loaded& loaded, const EngineOptions& options) {
    if (loaded.readable) {
        use_functions(options, *loaded.readable);
        plugins::Catalog catalog(plugins::search_path(options.plugin_dirs, *loaded.readable));
        for (const auto& [name, plugin] : options.plugins) static_cast<void>(catalog.add(plugin, name));
        const auto found = check::check_plugins(*loaded.readable, catalog, loaded.unsound);
        loaded.diagnostics.insert(loaded.diagnostics.end(), found.begin(), found.end());
    }
    return all_of(loaded.diagnostics);
}

runtime::BuiltInHandler Engine::Parts::handler_for(const Config& of, const ComponentConfig& component) const {
    const auto function = functions.find(component.name);
    if (function != functions.end())
        return {function->second->functions(), function->second->config(), "function", true, false};
    if (component.handler.kind != HandlerConfig::Kind::process) return {};
    handlers::ProcessOptions process;
    process.exec = component.handler.process.exec;
    process.handler_timeout_ms = static_cast<std::uint64_t>(component.handler_timeout.count());
    process.startup_timeout_ms = static_cast<std::uint64_t>(of.startup_timeout.count());
    process.max_message_bytes = of.max_message_bytes;
    process.concurrency = component.concurrency;
    process.has_batches = component.batch.has_value();
    process.env = component.handler.process.env;
    process.clear_env = component.handler.process.clear_env;
    process.working_dir = component.handler.process.working_dir;
    process.max_messages = component.handler.process.max_messages_per_child;
    process.max_memory = component.handler.process.max_memory_per_child;
    for (const QueueConfig& queue : of.queues)
        if (queue.name == component.input) process.queue = queue.value;
    std::string label;
    // It stands in logs and in the headers of dead letters.
    for (const std::string& word : config::shown_words(of, process.exec, component.path + "/handler/exec"))
        label += (label.empty() ? "" : " ") + word;
    return {handlers::process_handler_class(), handlers::process_config(process), label, false, true};
}

Result<void> Engine::Parts::make_components() {
    for (const auto& [name, function] : options.handlers) {
        const bool known = std::any_of(config.components.begin(), config.components.end(),
                                       [&n = name](const ComponentConfig& c) { return c.name == n; });
        if (!known) {
            return Error(ErrorCode::config,
                         "a handler is given for component \"" + name + "\", which does not exist");
        }
        functions.emplace(name, std::make_unique<handlers::Function>(function));
    }
    for (const ComponentConfig& component : config.components) {
        auto made = make_component(config, component, *catalog);
        if (!made) return made.error();
        components.push_back(std::move(*made));
    }
    return {};
}

Result<std::unique_ptr<runtime::Component>> Engine::Parts::make_component(
    const Config& from, const ComponentConfig& component, plugins::Catalog& from_catalog) const {
    runtime::IntakeOptions intake;
    intake.startup_timeout = from.startup_timeout;
    intake.shutdown_timeout = from.shutdown_timeout;
    intake.stall_timeout = from.stall_timeout;
    intake.watch_idle = options.exit_when_idle;
    intake.tracer = tracer.get();
    return runtime::Component::make(from, component, from_catalog, handler_for(from, component), intake);
}

// Checks the configuration against the plugins that it names, too.
Result<std::unique_ptr<plugins::Catalog>> Engine::Parts::make_catalog(const Config& of) const {
    auto made = std::make_unique<plugins::Catalog>(plugins::search_path(options.plugin_dirs, of));
    for (const auto& [name, plugin] : options.plugins) {
        if (auto added = made->add(plugin, name); !added) return added.error();
    }
    const auto diagnostics = check::check_plugins(of, *made);
    if (config::has_errors(diagnostics)) return all_of(diagnostics);
    log_warnings(diagnostics);
    return made;
}

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::make(EngineOptions options) {
    if (options.file.empty() == !options.config.has_value()) {
        return Error(ErrorCode::config, options.file.empty()
                                            ? "an engine needs a configuration: give a file or a Config"
                                            : "give the engine a file or a Config, not both");
    }
    Config config;
    std::vector<config::Diagnostic> diagnostics;
    if (options.config) {
        config = *options.config;
        diagnostics = config::check_rules(config);
        if (config::has_errors(diagnostics)) return all_of(diagnostics);
    } else {
        auto loaded = config::load_file(options.file, config::environment());
        if (!loaded.config) return all_of(loaded, options);
        config = std::move(*loaded.config);
        diagnostics = std::move(loaded.diagnostics);
    }
    use_functions(options, config);
    log::configure(options.log ? level_of(config.log.level) : log::Level::off,
                   config.log.format == "json" ? log::Format::json : log::Format::text);
    log_warnings(diagnostics);

    auto parts = std::make_unique<Parts>();
    parts->options = std::move(options);
    parts->config = std::move(config);
    auto catalog = parts->make_catalog(parts->config);
    if (!catalog) return catalog.error();
    parts->catalog = std::move(*catalog);
    parts->tracer = make_tracer(parts->options, parts->config);
    if (auto made = parts->make_components(); !made) return made.error();
    return std::unique_ptr<Engine>(new Engine(std::move(parts)));
}

int Engine::run() {
    const runtime::SigpipeBlocked blocked;
    Parts& p = *parts_;
    p.started_seconds = static_cast<double>(runtime::unix_ms()) / 1000;
    if (p.config.operations.enabled) {
        p.show_configuration();
        auto started = p.server.start(p.config.operations, p.controls());
        if (!started) {
            log::error(started.error().text);
            return runtime::exit_code_of(started.error());
        }
    }
    p.service = std::make_unique<operations::ServiceNotifier>(p.options.service_manager);
    p.show_banner();
    if (p.options.watch) p.file_watch.begin(p.options.file, p.config);
    if (p.tracer) p.tracer->start();
    for (const auto& component : p.components) component->start();
    const int code = p.wait_for_end();
    const bool all_returned = p.server.stop();
    if (p.status_line) log::show_status({});
    if (!hung()) {
        for (const auto& component : p.components) component->join();
        p.finish_tracing();
    }
    if (!all_returned) {
        log::warning("a connector that was asked for dead letters does not return and is left behind");
        const std::lock_guard lock(p.mutex);
        p.hung = true;
    }
    log::info("stopped", {{"exit_code", std::to_string(code)}});
    return code;
}

void Engine::Parts::show_banner() {
    if (!options.status_line || config.log.format == "json" || !is_for_a_terminal()) return;
    log::print(banner(options.file, config, server.address()));
    status_line.emplace();
}

void Engine::Parts::show_status() {
    const auto now = runtime::monotonic();
    if (!status_line || now < next_status) return;
    next_status = now + std::chrono::seconds(1);
    log::show_status(status_line->turn(snapshot(), now, StatusLine::columns()));
}

// What is left of the time for the stop, but no more than a moment: spans are worth no long wait.
void Engine::Parts::finish_tracing() {
    if (!tracer) return;
    runtime::Nanoseconds limit = longest_flush;
    if (give_up_at > runtime::Nanoseconds(0))
        limit = std::clamp(give_up_at - runtime::monotonic(), runtime::Nanoseconds(0), limit);
    tracer->finish(std::chrono::duration_cast<Milliseconds>(limit));
}

void Engine::Parts::stop_all() {
    for (const auto& component : components) component->intake().stop();
}

bool Engine::Parts::is_stopping() const {
    const std::lock_guard lock(mutex);
    return stopping;
}

void Engine::Parts::begin_stop() {
    const std::lock_guard lock(mutex);
    stopping = true;
}

bool Engine::Parts::all_ended() const {
    return std::all_of(components.begin(), components.end(),
                       [](const auto& component) { return component->intake().status().ended.load(); });
}

bool Engine::Parts::is_idle() const {
    return std::all_of(components.begin(), components.end(), [](const auto& component) {
        return component->intake().status().idle.load() || component->intake().status().ended.load();
    });
}

// One component that fails ends the engine: half an application that looks alive is worse than a restart.
// Those that a reload replaces are its own affair.
bool Engine::Parts::check_components() {
    bool found = broken.has_value();
    for (const auto& component : components) {
        if (is_changing(*component)) continue;
        found = found || component->intake().status().failure();
        const std::string why = component->intake().stalled();
        if (why.empty()) continue;
        log::error("stalled for stall_timeout; stopping, so that a restart may cure it",
                   {{"component", component->name()}, {"cause", why}});
        found = stalled = true;
    }
    return found;
}

void Engine::Parts::leave_behind() {
    for (const auto& component : components) {
        if (component->intake().status().ended.load()) continue;
        log::error("does not end in time and is left behind; what it had in hand is delivered again",
                   {{"component", component->name()}});
    }
    const std::lock_guard lock(mutex);
    hung = true;
}

// A refused reload is over within one turn of the loop; begin_reload() reports it itself.
void Engine::Parts::report_to_service_manager() {
    using operations::ServiceState;
    if (!service->is_on()) return;
    has_opened =
        has_opened || std::all_of(components.begin(), components.end(), [](const auto& component) {
            return component->intake().status().opened.load() || component->intake().status().ended.load();
        });
    const auto now = runtime::monotonic();
    const Milliseconds stop = config.shutdown_timeout + service_margin;
    const Milliseconds start = config.startup_timeout + service_margin;
    if (is_stopping())
        service->show(ServiceState::stopping, stop, now);
    else if (change)
        service->show(ServiceState::reloading, stop + start, now);
    else
        service->show(has_opened ? ServiceState::running : ServiceState::starting, start, now);
    if (service->turn(now)) service->status(snapshot(), now);
}

int Engine::Parts::wait_for_end() {
    auto idle_since = runtime::monotonic();
    bool told = false;
    for (;;) {
        bool stop = false;
        {
            std::unique_lock lock(mutex);
            const bool changes = stopping || change || options.exit_when_idle;
            changed.wait_for(lock, changes ? look_at_change : look_at_work,
                             [&] { return (stopping && !told) || (reload_asked && !stopping && !change); });
            stop = stopping;
        }
        const auto now = runtime::monotonic();
        if (stop && !told) {
            told = true;
            give_up_at = now + config.shutdown_timeout + close_allowance;
            stop_all();
        }
        if (told && now >= give_up_at) {
            leave_behind();
            break;
        }
        restore_log_level();
        show_status();
        look_at_files();
        end_limits();
        if (reload_is_due()) begin_reload();
        if (change) advance_change();
        report_to_service_manager();
        if (!change && all_ended()) break;
        if (change || !is_idle()) idle_since = now;
        const bool done = options.exit_when_idle && now - idle_since >= idle_for;
        if (!stop && (check_components() || done)) begin_stop();
    }
    const std::lock_guard lock(mutex);
    for (const auto& component : components) hung = hung || component->intake().status().hung.load();
    return exit_code();
}

int Engine::Parts::exit_code() const {
    if (broken) return runtime::exit_code_of(*broken);
    int code = 0;
    for (const auto& component : components) {
        const runtime::Intake& intake = component->intake();
        if (const auto failure = intake.status().failure()) return runtime::exit_code_of(*failure);
        if (intake.status().out_of_time.load()) code = exit_out_of_time;
        if (intake.status().stopped_by_message.load() && code == 0) code = exit_stopped_by_message;
    }
    if (stalled || (hung && code == 0)) return exit_out_of_time;
    return code;
}

void Engine::reload() { static_cast<void>(parts_->ask_reload()); }

void Engine::stop() {
    const std::lock_guard lock(parts_->mutex);
    parts_->stopping = true;
    parts_->changed.notify_all();
}

void Engine::cut_off() {
    const std::lock_guard lock(parts_->mutex);
    for (const auto& component : parts_->components) component->intake().cut_off();
}

bool Engine::hung() const {
    const std::lock_guard lock(parts_->mutex);
    return parts_->hung;
}

runtime::EngineSnapshot Engine::Parts::snapshot() const {
    runtime::EngineSnapshot s;
    s.started_seconds = started_seconds;
    const std::lock_guard lock(mutex);
    s.app = config.app;
    s.draining = stopping;
    add_operators_state(s);
    if (tracer) {
        const tracing::SpanCounts spans = tracer->counts();
        s.spans = {spans.exported, spans.dropped_queue_full, spans.dropped_refused,
                   spans.dropped_unavailable};
    }
    for (const auto& component : components) {
        s.components.push_back(component->intake().snapshot());
        add_limits(s.components.back());
    }
    s.ready = !s.draining &&
              std::all_of(s.components.begin(), s.components.end(), [](const auto& c) { return c.ready; });
    return s;
}

std::vector<ComponentStatus> Engine::status() const {
    std::vector<ComponentStatus> out;
    for (const auto& c : parts_->snapshot().components) {
        out.push_back({c.name, c.ready, c.why_not_ready, c.received, c.done, c.dead, c.dropped, c.requeued,
                       c.released, c.in_flight});
    }
    return out;
}

std::string Engine::metrics() const { return operations::render_metrics(parts_->snapshot()); }

bool Engine::ready() const { return parts_->snapshot().ready; }

std::string Engine::operations_address() const { return parts_->server.address(); }

}  // namespace volley
