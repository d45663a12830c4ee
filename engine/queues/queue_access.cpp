#include "queues/queue_access.hpp"

#include "config/diagnostics.hpp"
#include "config/load.hpp"
#include "plugins/config_schema.hpp"

namespace volley::queues {

Result<plugins::PluginClass> connector_of(const Config& config, plugins::Catalog& catalog, plugins::Kind kind,
                                          const QueueConfig& queue) {
    auto found = catalog.find_for_queue(kind, queue, config.base_dir);
    if (!found) return found;
    std::vector<config::Diagnostic> wrong;
    for (const plugins::SchemaError& mistake : plugins::check_config(*found, queue.config)) {
        const std::string path = queue.path + "/config" + mistake.pointer;
        wrong.push_back(config::diagnostic_at(config, mistake.is_key ? path + "#key" : path, "V0202",
                                              "queue \"" + queue.name + "\": " + mistake.text, mistake.help));
    }
    if (wrong.empty()) return found;
    std::string text = config::render(wrong, config::Format::text);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return Error(ErrorCode::config, "the configuration is wrong\n" + text);
}

plugins::Services services_for(const Config& config, const QueueConfig& queue) {
    plugins::Services services;
    services.queue = queue.name;
    // A queue is looked at as its reader sees it: on Kafka its group says what still waits.
    services.component = "volley";
    services.for_dead_letters = keeps_dead_letters(config, queue.name);
    for (const ComponentConfig& component : config.components) {
        if (component.input == queue.name) services.component = component.name;
    }
    services.app = config.app;
    services.wake = [] {};
    services.health = [](std::uint32_t, const std::string&) {};
    return services;
}

}  // namespace volley::queues
