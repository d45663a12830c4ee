#include "queue_access.hpp"

#include "config/diagnostics.hpp"
#include "terminal.hpp"

namespace volley::cli {

const QueueConfig* require_queue(const Config& config, const std::string& name) {
    std::vector<std::string> names;
    std::string all;
    for (const QueueConfig& queue : config.queues) {
        if (queue.name == name) return &queue;
        names.push_back(queue.name);
        all += (all.empty() ? "" : ", ") + queue.name;
    }
    const std::string near = config::nearest(name, names);
    std::fprintf(
        stderr, "volley: %s has no queue \"%s\"; %s\n", config.file.c_str(), name.c_str(),
        near.empty() ? ("its queues are: " + all).c_str() : ("did you mean \"" + near + "\"?").c_str());
    return nullptr;
}

int report(const Error& error) {
    say(error.text);
    switch (error.code) {
        case ErrorCode::config:
            return exit_config;
        case ErrorCode::unauthorized:
            return exit_no_permission;
        case ErrorCode::permanent:
        case ErrorCode::too_large:
            return exit_data;
        default:
            return exit_unavailable;
    }
}

}  // namespace volley::cli
