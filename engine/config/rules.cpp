// Checks rules between keys: names that must exist or be unique, and settings that contradict each other.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "config/load.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

class Rules {
public:
    Rules(Config& config, const Unsound& unsound) : config_(config), unsound_(unsound) {}

    std::vector<Diagnostic> check() {
        fill_defaults();
        if (config_.file.empty()) check_ranges();
        if (config_.queues.empty()) {
            error("/queues", "V0108", "there is no queue: nothing could be read",
                  "write queues: {orders: {type: sqlite}}");
        } else if (config_.components.empty()) {
            error("/components", "V0108", "there is no component: nothing would run",
                  "write components: [{input: " + config_.queues.front().name +
                      ", outputs: […], handler: forward}]");
        } else {
            check_names();
            for (const ComponentConfig& c : config_.components) {
                if (unsound_.count(c.path) == 0) check_component(c);
            }
        }
        // A queue may seem unused only because of the errors that are reported already.
        if (unsound_.empty() && !has_errors(found_)) check_unused();
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
        if (config_.app.empty()) {
            config_.app = "volley";
            config_.origins["/app"].origin = "default";
        }
        if (config_.base_dir.empty()) config_.base_dir = std::filesystem::current_path().string();
    }

    // For a configuration that was built in code, these are the checks that the binder makes for a file.
    void check_ranges() {
        const auto one_of = [&](const char* path, const std::string& value,
                                const std::vector<std::string>& known) {
            if (std::find(known.begin(), known.end(), value) != known.end()) return;
            std::string all;
            for (const std::string& word : known) all += (all.empty() ? "" : ", ") + word;
            error(path, "V0105",
                  "\"" + std::string(path).substr(5) + "\" must be one of " + all + ", not " +
                      in_quotes(value));
        };
        one_of("/log/level", config_.log.level, log_levels());
        one_of("/log/format", config_.log.format, {"text", "json"});
        for (const ComponentConfig& c : config_.components) {
            const auto range = [&](const char* key, std::uint64_t value, std::uint64_t most) {
                if (value >= 1 && value <= most) return;
                error(c.path + "/" + key, "V0106",
                      "\"" + std::string(key) + "\" must be a whole number from 1 to " +
                          std::to_string(most) + ", not " + std::to_string(value));
            };
            range("workers", c.workers, 1024);
            range("concurrency", c.concurrency, most_concurrency);
            if (c.batch) range("batch/max_messages", c.batch->max_messages, most_batch_messages);
            range("max_in_flight", c.max_in_flight, 4'000'000);
            range("max_crashes", c.max_crashes, 1000);
            range("retry/max_attempts", c.retry.max_attempts, 1'000'000);
        }
    }

    void check_names() {
        std::set<std::string> seen;
        for (const QueueConfig& queue : config_.queues) {
            if (!queue.name.empty() && !seen.insert(queue.name).second) {
                error(queue.path + "/name", "V0113", "two queues are named " + in_quotes(queue.name),
                      "rename one: components refer to queues by their names");
            }
            if (!queue.key.empty() && queue.key.front() != '/') {
                error(queue.path + "/key", "V0105",
                      "\"key\" must be a JSON pointer, not \"" + queue.key + "\"",
                      "write it as /customer/id");
            }
        }
        seen.clear();
        for (const ComponentConfig& component : config_.components) {
            if (!component.name.empty() && !seen.insert(component.name).second) {
                error(component.path + "/name", "V0113",
                      "two components are named \"" + component.name + "\"",
                      "give one of them a name: of its own; the default is its input");
            }
        }
    }

    void check_queue(const std::string& path, const std::string& name) {
        // The queue may be one whose name is missing.
        if (find_queue(config_, name) != nullptr || find_queue(config_, {}) != nullptr) return;
        std::vector<std::string> names;
        std::string all;
        for (const QueueConfig& queue : config_.queues) {
            names.push_back(queue.name);
            all += (all.empty() ? "" : ", ") + queue.name;
        }
        const std::string near = nearest(name, names);
        error(path, "V0110", "no queue is named \"" + name + "\"",
              near.empty() ? "the queues are: " + all + "; add it to queues:, or name one of them"
                           : "did you mean \"" + near + "\"?");
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
            error(c.path + "/on_fail", "V0114", "on_fail: dead_letter, and there is no dead_letter_queue",
                  "name the queue: dead_letter_queue: dead");
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
        if (c.retry.initial_delay > c.retry.max_delay) {
            error(c.path + "/retry/initial_delay", "V0114", "initial_delay is longer than max_delay",
                  "the delay doubles from the first to the second; raise max_delay to " +
                      std::to_string(c.retry.initial_delay.count()) + "ms or more");
        }
        if (c.batch && c.batch->max_wait >= config_.stall_timeout) {
            error(c.path + "/batch/max_wait", "V0114", "max_wait is not shorter than stall_timeout",
                  "an engine in which nothing moves for " + std::to_string(config_.stall_timeout.count()) +
                      "ms ends, and one that waits for a batch is among them; shorten max_wait");
        }
        check_outputs(c);
        for (const ComponentConfig& other : config_.components) {
            if (&other < &c && other.input == c.input && other.name != c.name) {
                warning(c.path + "/input", "V0114",
                        "\"" + other.name + "\" and \"" + c.name + "\" read the same queue",
                        "each message reaches only one of them, unless the connector says otherwise");
            }
        }
    }

    void check_outputs(const ComponentConfig& c) {
        std::set<std::string> seen;
        for (std::size_t i = 0; i < c.outputs.size(); ++i) {
            const std::string path = c.path + "/outputs/" + std::to_string(i);
            if (!seen.insert(c.outputs[i]).second) {
                error(path, "V0113",
                      in_quotes(c.outputs[i]) + " stands twice in the outputs of " + in_quotes(c.name),
                      "remove one: a handler sends twice by sending twice");
            }
            if (c.handler.kind == HandlerConfig::Kind::forward && c.outputs[i] == c.input) {
                error(path, "V0114", "component " + in_quotes(c.name) + " forwards to its own input",
                      "every message would go round for ever: name another queue");
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
                warning(queue.path, "V0115", "no component uses queue " + in_quotes(queue.name),
                        "it is not opened: remove it, or name it in a component");
            }
        }
    }

    Config& config_;
    const Unsound& unsound_;
    std::vector<Diagnostic> found_;
};

}  // namespace

namespace {

// Returns the length of the word or quoted text that begins at this character.
int length_at(const std::string& line, int column) {
    const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    std::size_t begin = 0;
    for (int left = column; begin < line.size() && (left -= is_start(line[begin]) ? 1 : 0) > 0;) ++begin;
    if (begin >= line.size()) return 1;
    std::size_t end = line.find_first_of(" ,]}:\r", begin);
    if (line[begin] == '"' || line[begin] == '\'') {
        end = line.find(line[begin], begin + 1);
        if (end != std::string::npos) ++end;
    } else if (line[begin] == '{' || line[begin] == '[') {
        end = begin + 1;
    }
    const std::string word = line.substr(begin, end == std::string::npos ? end : end - begin);
    return std::max(static_cast<int>(std::count_if(word.begin(), word.end(), is_start)), 1);
}

}  // namespace

const std::vector<std::string>& log_levels() {
    static const std::vector<std::string> levels = {"trace", "debug", "info", "warning", "error", "off"};
    return levels;
}

bool has_default_app(const Config& config) {
    const auto app = config.origins.find("/app");
    return app != config.origins.end() && app->second.line == 0 && app->second.origin == "default";
}

std::vector<Diagnostic> check_rules(Config& config, const Unsound& unsound) {
    return Rules(config, unsound).check();
}

Diagnostic diagnostic_at(const Config& config, const std::string& path, const char* code, std::string text,
                         std::string help) {
    Diagnostic d;
    d.code = code;
    d.text = std::move(text);
    d.help = std::move(help);
    // A value without a position (a default) has that of the nearest parent.
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
    std::error_code none;
    if (!std::filesystem::is_regular_file(config.file, none)) return d;  // a pipe gives its text only once
    std::ifstream in(config.file);
    std::string line;
    for (int i = 0; i < d.mark.line; ++i) {
        if (!std::getline(in, line)) return d;
        if (i == 0) line.erase(0, text::byte_order_mark(line));
    }
    d.length = length_at(line, d.mark.column);
    show_line(d, line);
    return d;
}

}  // namespace volley::config
