// What holds between keys: names that exist, names that are unique, settings that do not contradict each
// other.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "config/load.hpp"

namespace volley::config {

namespace {

const QueueConfig* find_queue(const Config& config, const std::string& name) {
    const auto found = std::find_if(config.queues.begin(), config.queues.end(),
                                    [&](const QueueConfig& queue) { return queue.name == name; });
    return found == config.queues.end() ? nullptr : &*found;
}

class Rules {
public:
    explicit Rules(Config& config) : config_(config) {}

    std::vector<Diagnostic> check() {
        fill_defaults();
        check_names();
        for (const ComponentConfig& c : config_.components) check_component(c);
        check_unused();
        if (config_.components.empty())
            error("/components", "V0108", "there is no component: nothing would run");
        return std::move(found_);
    }

private:
    void error(const std::string& path, const char* code, std::string text, std::string help = {}) {
        found_.push_back(diagnostic_at(config_, path, code, std::move(text), std::move(help)));
    }
    void warning(const std::string& path, const char* code, std::string text, std::string help = {}) {
        error(path, code, std::move(text), std::move(help));
        found_.back().severity = Diagnostic::Severity::warning;
    }

    void fill_defaults() {
        for (std::size_t i = 0; i < config_.queues.size(); ++i) {
            QueueConfig& queue = config_.queues[i];
            if (queue.value.empty()) queue.value = queue.name;
            if (queue.path.empty()) queue.path = "/queues/" + std::to_string(i);
        }
        for (std::size_t i = 0; i < config_.components.size(); ++i) {
            ComponentConfig& component = config_.components[i];
            if (component.name.empty()) component.name = component.input;
            if (component.path.empty()) component.path = "/components/" + std::to_string(i);
        }
        if (config_.app.empty()) config_.app = "volley";
        if (config_.base_dir.empty()) config_.base_dir = std::filesystem::current_path().string();
    }

    void check_names() {
        std::set<std::string> seen;
        for (const QueueConfig& queue : config_.queues) {
            if (!seen.insert(queue.name).second) {
                error(queue.path + "/name", "V0113", "two queues are named \"" + queue.name + "\"");
            }
            if (!queue.key.empty() && queue.key.front() != '/') {
                error(queue.path + "/key", "V0105",
                      "\"key\" must be a JSON pointer, not \"" + queue.key + "\"",
                      "write it as /customer/id");
            }
        }
        seen.clear();
        for (const ComponentConfig& component : config_.components) {
            if (!seen.insert(component.name).second) {
                error(component.path + "/name", "V0113",
                      "two components are named \"" + component.name + "\"",
                      "give one of them a name: of its own; the default is its input");
            }
        }
    }

    void check_queue(const std::string& path, const std::string& name) {
        if (find_queue(config_, name) != nullptr) return;
        std::vector<std::string> names;
        std::string all;
        for (const QueueConfig& queue : config_.queues) {
            names.push_back(queue.name);
            all += (all.empty() ? "" : ", ") + queue.name;
        }
        const std::string near = nearest(name, names);
        error(path, "V0110", "no queue is named \"" + name + "\"",
              near.empty() ? "the queues are: " + all : "did you mean \"" + near + "\"?");
    }

    void check_component(const ComponentConfig& c) {
        if (!c.input.empty()) check_queue(c.path + "/input", c.input);
        for (std::size_t i = 0; i < c.outputs.size(); ++i) {
            check_queue(c.path + "/outputs/" + std::to_string(i), c.outputs[i]);
        }
        if (c.outputs.size() > 1000) error(c.path + "/outputs", "V0106", "more than 1000 outputs");
        const std::string& dead = c.dead_letter_queue;
        if (!dead.empty()) check_queue(c.path + "/dead_letter_queue", dead);
        if (!dead.empty() && dead == c.input) {
            error(c.path + "/dead_letter_queue", "V0114",
                  "the dead-letter queue of \"" + c.name + "\" is its own input",
                  "what fails would come back for ever: name another queue");
        }
        if (c.on_fail == OnFail::dead_letter && dead.empty()) {
            error(c.path + "/on_fail", "V0114", "on_fail: dead_letter, and there is no dead_letter_queue");
        }
        if (c.on_fail != OnFail::dead_letter && c.on_fail != OnFail::automatic && !dead.empty()) {
            error(c.path + "/on_fail", "V0114",
                  "a dead_letter_queue is named, and on_fail sends nothing there",
                  "remove on_fail, or the queue");
        }
        if (dead.empty() && c.on_fail == OnFail::automatic) {
            warning(
                c.path, "V0114", "component \"" + c.name + "\" has no dead-letter queue",
                "what fails for good is put back for ever, or stops a log; name one with dead_letter_queue:");
        }
        if (c.handler.kind == HandlerConfig::Kind::forward && c.outputs.empty()) {
            warning(c.path, "V0114",
                    "component \"" + c.name + "\" forwards to no output: it only deletes what it reads");
        }
        if (c.retry.initial_delay > c.retry.max_delay) {
            error(c.path + "/retry/initial_delay", "V0114", "initial_delay is longer than max_delay");
        }
        for (const ComponentConfig& other : config_.components) {
            if (&other != &c && other.input == c.input && &other < &c) {
                warning(c.path + "/input", "V0114",
                        "\"" + other.name + "\" and \"" + c.name + "\" read the same queue",
                        "each message reaches only one of them, unless the connector says otherwise");
            }
        }
    }

    void check_unused() {
        std::set<std::string> used;
        for (const ComponentConfig& c : config_.components) {
            used.insert(c.input);
            used.insert(c.dead_letter_queue);
            used.insert(c.outputs.begin(), c.outputs.end());
        }
        for (const QueueConfig& queue : config_.queues) {
            if (used.count(queue.name) == 0) {
                warning(queue.path, "V0115", "no component uses queue \"" + queue.name + "\"");
            }
        }
    }

    Config& config_;
    std::vector<Diagnostic> found_;
};

}  // namespace

std::vector<Diagnostic> check_rules(Config& config) { return Rules(config).check(); }

Diagnostic diagnostic_at(const Config& config, const std::string& path, const char* code, std::string text,
                         std::string help) {
    Diagnostic d{Diagnostic::Severity::error, code, std::move(text), {}, {}, 1, std::move(help)};
    // The nearest place above, if the value itself has none (a default).
    std::string at = path;
    auto found = config.origins.find(at);
    while (found == config.origins.end() && !at.empty()) {
        at.erase(at.rfind('/') == std::string::npos ? 0 : at.rfind('/'));
        found = config.origins.find(at);
    }
    if (found == config.origins.end()) {
        d.mark.file = config.file;
        return d;
    }
    d.mark = found->second;
    std::ifstream in(config.file);
    std::string line;
    for (int i = 0; i < d.mark.line && std::getline(in, line); ++i) d.line_text = line;
    const auto column = static_cast<std::size_t>(std::max(d.mark.column - 1, 0));
    if (column < d.line_text.size()) {
        const std::size_t end = d.line_text.find_first_of(" ,]}:", column);
        d.length = static_cast<int>((end == std::string::npos ? d.line_text.size() : end) - column);
    }
    d.length = std::max(d.length, 1);
    return d;
}

}  // namespace volley::config
