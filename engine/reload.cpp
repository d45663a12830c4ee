// Reload: a changed file is read and checked whole; if anything is wrong nothing changes. Then only what
// differs is drained and replaced, while the other components go on. If a new component does not open, those
// that it replaced come back.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>

#include "log/log.hpp"
#include "log/output.hpp"
#include "parts.hpp"
#include "runtime/schedule.hpp"

namespace volley {

namespace {

constexpr runtime::Nanoseconds look_at_files_every = std::chrono::milliseconds(250);

const ComponentConfig* find_component(const Config& config, const std::string& name) {
    const auto found = std::find_if(config.components.begin(), config.components.end(),
                                    [&](const ComponentConfig& c) { return c.name == name; });
    return found == config.components.end() ? nullptr : &*found;
}

// Where it stands in the file is no part of what it is.
template <typename Part>
Part without_place(Part part) {
    part.path.clear();
    return part;
}

bool same_queue(const Config& a, const Config& b, const std::string& name) {
    const auto in = [&name](const Config& config) {
        return std::find_if(config.queues.begin(), config.queues.end(),
                            [&](const QueueConfig& queue) { return queue.name == name; });
    };
    const auto old = in(a);
    const auto now = in(b);
    if (old == a.queues.end() || now == b.queues.end()) return old == a.queues.end() && now == b.queues.end();
    return without_place(*old) == without_place(*now);
}

// Is there nothing that the component would do otherwise with the other configuration?
bool same_component(const Config& a, const Config& b, const std::string& name) {
    const ComponentConfig* old = find_component(a, name);
    const ComponentConfig* now = find_component(b, name);
    if (old == nullptr || now == nullptr || !(without_place(*old) == without_place(*now))) return false;
    std::vector<std::string> queues = now->outputs;
    queues.push_back(now->input);
    if (!now->dead_letter_queue.empty()) queues.push_back(now->dead_letter_queue);
    return a.app == b.app && a.base_dir == b.base_dir && a.max_message_bytes == b.max_message_bytes &&
           a.state_dir == b.state_dir && a.shutdown_timeout == b.shutdown_timeout &&
           a.startup_timeout == b.startup_timeout && a.stall_timeout == b.stall_timeout &&
           std::all_of(queues.begin(), queues.end(),
                       [&](const std::string& queue) { return same_queue(a, b, queue); });
}

// Is there a program to start? It is looked for as execvp does: without a slash in PATH, else from the folder
// of the file, which is the child's working directory.
Result<void> find_program(const ComponentConfig& component, const std::string& base_dir) {
    if (component.handler.kind != HandlerConfig::Kind::process) return {};
    const std::string& program = component.handler.process.exec.front();
    const auto starts = [](const std::filesystem::path& file) {
        std::error_code none;
        return std::filesystem::is_regular_file(file, none) && access(file.c_str(), X_OK) == 0;
    };
    const std::filesystem::path base(base_dir.empty() ? "/" : base_dir);
    bool found = false;
    if (program.find('/') != std::string::npos) {
        found = starts(base / program);
    } else {
        const char* path = std::getenv("PATH");
        std::istringstream folders(path != nullptr ? path : "/bin:/usr/bin");
        for (std::string folder; !found && std::getline(folders, folder, ':');)
            found = starts(base / folder / program);
    }
    if (found) return {};
    return Error(ErrorCode::config, "component \"" + component.name + "\": the handler program \"" + program +
                                        "\" is not there, or cannot be executed");
}

}  // namespace

bool Engine::Parts::reload_is_due() {
    const std::lock_guard lock(mutex);
    if (!reload_asked || stopping || change) return false;
    reload_asked = false;
    return true;
}

void Engine::Parts::look_at_files() {
    const auto now = runtime::monotonic();
    if (!options.watch || change || now < next_look) return;
    next_look = now + look_at_files_every;
    const auto found = file_watch.look();
    if (!found) return;
    log::info("files have changed: reloading");
    changed_handlers.insert(found->begin(), found->end());
    ask_reload();
}

// Makes all that is new before anything old is touched.
Result<Change> Engine::Parts::plan(Config next, const std::set<std::string>& restarting) const {
    const auto stays = [&](const std::string& name) {
        return restarting.count(name) == 0 && same_component(config, next, name);
    };
    Change planned;
    auto made_catalog = make_catalog(next);
    if (!made_catalog) return made_catalog.error();
    planned.catalog = std::move(*made_catalog);
    for (const auto& component : components) {
        if (!stays(component->name())) planned.going.insert(component->name());
    }
    for (const ComponentConfig& component : next.components) {
        if (stays(component.name)) continue;
        const bool by_the_program = functions.count(component.name) > 0;
        if (!by_the_program) {
            if (auto found = find_program(component, next.base_dir); !found) return found.error();
        }
        auto made = make_component(next, component, *planned.catalog);
        if (!made) return made.error();
        planned.starting.push_back(std::move(*made));
    }
    planned.config = std::move(next);
    return planned;
}

void Engine::Parts::begin_reload() {
    service->show(operations::ServiceState::reloading, config.startup_timeout, runtime::monotonic());
    reload_begins();
    const auto refuse = [this](const std::string& why) {
        log::print(why);
        log::error("the changed configuration is not applied; what runs goes on as it is");
        reload_ends(false, why);
    };
    if (options.file.empty()) {
        constexpr const char* why = "there is no file to reload: the configuration was built by the program";
        log::warning(why);
        return reload_ends(false, why);
    }
    auto loaded = config::load_file(options.file, config::environment());
    if (!loaded.config) return refuse(all_of(loaded, options).text);
    use_functions(options, *loaded.config);
    for (const auto& [name, function] : functions) {
        if (find_component(*loaded.config, name) == nullptr)
            return refuse("component \"" + name +
                          "\" has its handler from the program and cannot be taken away\n");
    }
    // The set of files may have changed with the configuration, also if it is refused below.
    if (options.watch) file_watch.begin(options.file, *loaded.config);
    auto planned = plan(std::move(*loaded.config), std::exchange(changed_handlers, {}));
    if (!planned) return refuse(planned.error().text);
    change.emplace(std::move(*planned));
    log::info("reloading", {{"file", options.file},
                            {"components_that_drain", std::to_string(change->going.size())},
                            {"components_that_start", std::to_string(change->starting.size())}});
    for (const auto& component : components) {
        if (is_changing(*component)) component->intake().stop();
    }
}

bool Engine::Parts::is_changing(const runtime::Component& component) const {
    if (!change) return false;
    if (change->step == Change::Step::draining) return change->going.count(component.name()) > 0;
    return std::count(change->started.begin(), change->started.end(), &component) > 0;
}

// Takes the components of the step that have all ended out of the engine. Returns false if some have not, or
// if one left a hanging handler behind, which ends the engine as at any other time.
bool Engine::Parts::take_out_changing() {
    std::vector<std::unique_ptr<runtime::Component>> out;
    for (const auto& component : components) {
        if (is_changing(*component) && !component->intake().status().ended.load()) return false;
    }
    for (const auto& component : components) {
        const runtime::Intake& intake = component->intake();
        const bool failed = change->step == Change::Step::draining && intake.status().failure();
        if (!is_changing(*component) || (!failed && !intake.status().hung.load())) continue;
        change.reset();
        reload_ends(false, "the engine stops");
        begin_stop();
        return false;
    }
    {
        const std::lock_guard lock(mutex);
        const auto gone =
            std::stable_partition(components.begin(), components.end(),
                                  [this](const auto& component) { return !is_changing(*component); });
        std::move(gone, components.end(), std::back_inserter(out));
        components.erase(gone, components.end());
    }
    for (const auto& component : out) component->join();
    change->started.clear();
    return true;
}

void Engine::Parts::put_in(std::unique_ptr<runtime::Component> component) {
    bool paused = false;
    {
        const std::lock_guard lock(mutex);
        paused = paused_components.count(component->name()) > 0;
        apply_limits(*component);
    }
    if (paused) component->intake().pause(true);
    component->start();
    const std::lock_guard lock(mutex);
    components.push_back(std::move(component));
}

void Engine::Parts::advance_change() {
    if (is_stopping()) {
        change.reset();
        return reload_ends(false, "the engine stops");
    }
    switch (change->step) {
        case Change::Step::draining:
            return open_new();
        case Change::Step::opening:
            return watch_opening();
        case Change::Step::returning:
            return bring_back_old();
    }
}

// Once those that go have drained, the new ones take their places.
void Engine::Parts::open_new() {
    if (!take_out_changing()) return;
    change->step = Change::Step::opening;
    for (auto& component : change->starting) {
        change->started.push_back(component.get());
        put_in(std::move(component));
    }
    change->starting.clear();
}

void Engine::Parts::watch_opening() {
    bool all_open = true;
    for (const runtime::Component* component : change->started) {
        const runtime::Intake& intake = component->intake();
        if (const auto failure = intake.status().failure())
            return refuse_change("component \"" + component->name() + "\" does not start: " + failure->text);
        all_open = all_open && (intake.status().opened.load() || intake.status().ended.load());
    }
    if (all_open) return commit_change();
    const std::lock_guard lock(mutex);
    if (reload_asked) refuse_change("it was still starting when another reload was asked for");
}

void Engine::Parts::refuse_change(std::string why) {
    change->refused = std::move(why);
    change->step = Change::Step::returning;
    for (const auto& component : components) {
        if (is_changing(*component)) component->intake().stop();
    }
}

void Engine::Parts::bring_back_old() {
    if (!take_out_changing()) return;
    log::error("the changed configuration is not applied; what ran before runs again",
               {{"cause", change->refused}});
    for (const ComponentConfig& component : config.components) {
        if (change->going.count(component.name) == 0) continue;
        auto made = make_component(config, component, *catalog);
        if (!made) {
            log::error("the component cannot come back",
                       {{"component", component.name}, {"cause", made.error().text}});
            broken = made.error();
            continue;
        }
        put_in(std::move(*made));
    }
    reload_ends(false, change->refused);
    change.reset();
}

void Engine::Parts::commit_change() {
    if (!(change->config.operations == config.operations))
        log::warning("operations: is applied at a restart, not at a reload");
    if (options.log)
        log::configure(level_of(change->config.log.level),
                       change->config.log.format == "json" ? log::Format::json : log::Format::text);
    log::info("reloaded", {{"components_started", std::to_string(change->started.size())},
                           {"components", std::to_string(components.size())}});
    const std::string done = std::to_string(change->started.size()) + " of " +
                             std::to_string(components.size()) + " components were started";
    change->config.operations = config.operations;
    catalog = std::move(change->catalog);
    {
        const std::lock_guard lock(mutex);
        config = std::move(change->config);
        log_level_back.reset();
    }
    change.reset();
    show_configuration();
    reload_ends(true, done);
}

}  // namespace volley
