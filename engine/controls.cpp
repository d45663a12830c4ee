// What operators ask of a running engine, through the API or by a signal. These functions only set what
// run()'s thread or an intake then acts on, so none of them waits.
#include <algorithm>
#include <utility>

#include "check/effective.hpp"
#include "config/printed_values.hpp"
#include "log/operating.hpp"
#include "parts.hpp"
#include "plugins/search_path.hpp"
#include "runtime/schedule.hpp"

namespace volley {

namespace {

double unix_seconds() { return static_cast<double>(runtime::unix_ms()) / 1000; }

// Without the colours that errors have on a terminal.
std::string without_colours(const std::string& text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
            while (i < text.size() && text[i] != 'm') ++i;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

}  // namespace

operations::Controls Engine::Parts::controls() {
    operations::Controls c;
    c.snapshot = [this](bool with_backlog) {
        if (with_backlog) want_backlogs();
        return snapshot();
    };
    c.pause = [this](const std::string& component, bool paused) { return pause(component, paused); };
    c.limit_workers = [this](const std::string& component, std::uint32_t workers, Milliseconds back_after) {
        return limit(worker_limits, component, workers, back_after);
    };
    c.limit_rate = [this](const std::string& component, std::uint32_t per_second, Milliseconds back_after) {
        return limit(rate_limits, component, per_second, back_after);
    };
    c.tap = [this](const std::string& component) -> std::shared_ptr<runtime::Tap> {
        const std::lock_guard lock(mutex);
        for (const auto& one : components)
            if (one->name() == component) return one->intake().tap();
        return nullptr;
    };
    c.want_in_flight = [this] {
        const std::lock_guard lock(mutex);
        for (const auto& component : components) component->intake().want_in_flight();
    };
    c.reload = [this] { return ask_reload(); };
    c.drain = [this] {
        const std::lock_guard lock(mutex);
        stopping = true;
        changed.notify_all();
    };
    c.set_log_level = [this](log::Level level, Milliseconds back_after) {
        const std::lock_guard lock(mutex);
        log::set_level(level);
        log_level_back.reset();
        if (back_after > Milliseconds(0)) log_level_back = runtime::monotonic() + back_after;
    };
    c.configuration = [this] {
        const std::lock_guard lock(mutex);
        return shown_configuration;
    };
    c.queue_config = [this] {
        const std::lock_guard lock(mutex);
        return config_in_force;
    };
    // Of copies: a thread that waits for a connector may outlive the engine.
    c.make_catalog = [dirs = options.plugin_dirs, linked_in = options.plugins](const Config& of) {
        auto made = std::make_unique<plugins::Catalog>(plugins::search_path(dirs, of));
        for (const auto& [name, plugin] : linked_in) static_cast<void>(made->add(plugin, name));
        return made;
    };
    return c;
}

void Engine::Parts::want_backlogs() const {
    const std::lock_guard lock(mutex);
    for (const auto& component : components) component->intake().want_backlog();
}

// A component that is replaced by a reload stays paused.
bool Engine::Parts::pause(const std::string& component, bool paused) {
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(components.begin(), components.end(),
                                    [&](const auto& one) { return one->name() == component; });
    if (found == components.end()) return false;
    if (paused)
        paused_components.insert(component);
    else
        paused_components.erase(component);
    (*found)->intake().pause(paused);
    return true;
}

// Value 0 lifts the limit. Returns whether there is a component of this name.
bool Engine::Parts::limit(std::map<std::string, Limit>& limits, const std::string& component,
                          std::uint32_t value, Milliseconds back_after) {
    const std::lock_guard lock(mutex);
    const auto found = std::find_if(components.begin(), components.end(),
                                    [&](const auto& one) { return one->name() == component; });
    if (found == components.end()) return false;
    Limit next{value, std::nullopt};
    if (back_after > Milliseconds(0)) next.back = runtime::monotonic() + back_after;
    if (value == 0)
        limits.erase(component);
    else
        limits[component] = next;
    apply_limits(**found);
    return true;
}

// Requires: `mutex` is held.
void Engine::Parts::apply_limits(runtime::Component& component) const {
    const auto value_in = [&](const std::map<std::string, Limit>& limits) {
        const auto found = limits.find(component.name());
        return found == limits.end() ? 0 : found->second.value;
    };
    component.intake().limit_workers(value_in(worker_limits));
    component.intake().limit_rate(value_in(rate_limits));
}

void Engine::Parts::end_limits() {
    const std::lock_guard lock(mutex);
    const auto now = runtime::monotonic();
    for (auto* limits : {&worker_limits, &rate_limits}) {
        for (auto one = limits->begin(); one != limits->end();) {
            if (!one->second.back || now < *one->second.back) {
                ++one;
                continue;
            }
            log::info(limits == &worker_limits ? "all workers get messages again"
                                               : "the rate is not limited any more",
                      {{"component", one->first}});
            const std::string name = one->first;
            one = limits->erase(one);
            for (const auto& component : components)
                if (component->name() == name) apply_limits(*component);
        }
    }
}

// Requires: `mutex` is held.
void Engine::Parts::add_limits(runtime::ComponentSnapshot& snapshot) const {
    const auto end_in = [&](const std::map<std::string, Limit>& limits) {
        const auto found = limits.find(snapshot.name);
        if (found == limits.end() || !found->second.back) return 0.0;
        const auto left = std::chrono::duration<double>(*found->second.back - runtime::monotonic()).count();
        return unix_seconds() + std::max(left, 0.0);
    };
    snapshot.limits.workers_until_seconds = end_in(worker_limits);
    snapshot.limits.per_second_until_seconds = end_in(rate_limits);
}

std::uint64_t Engine::Parts::ask_reload() {
    const std::lock_guard lock(mutex);
    reload_asked = true;
    changed.notify_all();
    return ++reloads.asked;
}

void Engine::Parts::reload_begins() {
    const std::lock_guard lock(mutex);
    reloads.state = runtime::ReloadSnapshot::State::running;
    reloads.number = reloads.asked;
    reloads.text.clear();
}

void Engine::Parts::reload_ends(bool applied, const std::string& text) {
    const std::string plain = without_colours(text);
    const std::lock_guard lock(mutex);
    reloads.state =
        applied ? runtime::ReloadSnapshot::State::applied : runtime::ReloadSnapshot::State::refused;
    reloads.text = plain;
    reloads.ended_seconds = unix_seconds();
    if (applied) reloads.applied_seconds = reloads.ended_seconds;
    ++(applied ? reloads.applied : reloads.refused);
}

void Engine::Parts::restore_log_level() {
    const std::lock_guard lock(mutex);
    if (!log_level_back || runtime::monotonic() < *log_level_back) return;
    log_level_back.reset();
    log::set_level(options.log ? level_of(config.log.level) : log::Level::off);
    log::info("the log level is the configured one again", {{"level", config.log.level}});
}

// Of run()'s thread, which the catalog belongs to.
void Engine::Parts::show_configuration() {
    if (!config.operations.enabled) return;
    const Config effective = check::effective(config, *catalog, config::environment());
    auto shown = std::make_shared<operations::Configuration>();
    shown->text = config::print(effective);
    for (config::PrintedValue& one : config::printed_values(effective))
        shown->values.push_back({std::move(one.path), std::move(one.value), std::move(one.origin)});
    auto in_force = std::make_shared<const Config>(config);
    const std::lock_guard lock(mutex);
    shown_configuration = std::move(shown);
    config_in_force = std::move(in_force);
}

void Engine::Parts::add_operators_state(runtime::EngineSnapshot& snapshot) const {
    snapshot.file = config.file;
    snapshot.log_level = log::name_of(log::level());
    if (log_level_back) {
        const auto left = std::chrono::duration<double>(*log_level_back - runtime::monotonic()).count();
        snapshot.log_level_until_seconds = unix_seconds() + std::max(left, 0.0);
    }
    snapshot.reload = reloads;
}

}  // namespace volley
