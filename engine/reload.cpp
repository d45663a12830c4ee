// Reload: a changed file is read and checked whole; if anything is wrong nothing changes. Then only what
// differs is drained and replaced, while the other components go on.
#include <algorithm>
#include <cstdio>

#include "log/log.hpp"
#include "parts.hpp"

namespace volley {

namespace {

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

}  // namespace

// Makes all that is new before anything old is touched.
Result<Change> Engine::Parts::plan(Config next) const {
    Change planned;
    auto catalog = make_catalog(next);
    if (!catalog) return catalog.error();
    planned.catalog = std::move(*catalog);
    for (const auto& component : components) {
        if (!same_component(config, next, component->name())) planned.stopping.push_back(component->name());
    }
    for (const ComponentConfig& component : next.components) {
        if (same_component(config, next, component.name)) continue;
        auto made = make_component(next, component, *planned.catalog);
        if (!made) return made.error();
        planned.starting.push_back(std::move(*made));
    }
    planned.config = std::move(next);
    return planned;
}

void Engine::Parts::begin_reload() {
    reload_asked = false;
    const auto refuse = [](const std::string& why) {
        std::fputs(why.c_str(), stderr);
        log::error("the changed configuration is not applied; what runs goes on as it is");
    };
    if (options.file.empty()) {
        log::warning("there is no file to reload: the configuration was built by the program");
        return;
    }
    auto loaded = config::load_file(options.file, config::environment());
    if (!loaded.config) return refuse(all_of(loaded, options).text);
    for (const auto& [name, function] : functions) {
        if (find_component(*loaded.config, name) == nullptr)
            return refuse("component \"" + name +
                          "\" has its handler from the program and cannot be taken away\n");
    }
    auto planned = plan(std::move(*loaded.config));
    if (!planned) return refuse(planned.error().text);
    change.emplace(std::move(*planned));
    log::info("reloading", {{"file", options.file},
                            {"components_that_drain", std::to_string(change->stopping.size())},
                            {"components_that_start", std::to_string(change->starting.size())}});
    for (const auto& component : components) {
        const bool goes = std::find(change->stopping.begin(), change->stopping.end(), component->name()) !=
                          change->stopping.end();
        if (goes) component->intake().stop();
    }
}

// Once those that go have drained, the new ones take their places.
void Engine::Parts::finish_reload() {
    if (stopping) return change.reset();
    const auto goes = [this](const std::unique_ptr<runtime::Component>& component) {
        return std::find(change->stopping.begin(), change->stopping.end(), component->name()) !=
               change->stopping.end();
    };
    const bool drained = std::all_of(components.begin(), components.end(), [&](const auto& component) {
        return !goes(component) || component->intake().ended();
    });
    if (!drained) return;
    // One that left a hanging handler behind, or failed on its way out, ends the engine as at any other time.
    for (const auto& component : components) {
        if (goes(component) && (component->intake().hung() || component->intake().failure())) {
            stopping = true;
            change.reset();
            return;
        }
    }
    for (const auto& component : components) {
        if (goes(component)) component->join();
    }
    components.erase(std::remove_if(components.begin(), components.end(), goes), components.end());
    if (!(change->config.operations == config.operations))
        log::warning("operations: is applied at a restart, not at a reload");
    if (options.log)
        log::configure(level_of(change->config.log.level),
                       change->config.log.format == "json" ? log::Format::json : log::Format::text);
    const OperationsConfig served = config.operations;
    config = std::move(change->config);
    config.operations = served;
    catalogs.push_back(std::move(change->catalog));
    for (auto& component : change->starting) {
        component->start();
        components.push_back(std::move(component));
    }
    log::info("reloaded", {{"components_started", std::to_string(change->starting.size())},
                           {"components", std::to_string(components.size())}});
    change.reset();
}

}  // namespace volley
