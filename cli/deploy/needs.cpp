#include "deploy/needs.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "config/load.hpp"
#include "config/read_file.hpp"
#include "deploy/triggers.hpp"
#include "deploy/yaml_text.hpp"
#include "text/fingerprint.hpp"

namespace volley::cli::deploy {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_configuration = 16 << 20;  // bytes
constexpr std::size_t largest_beside = 256 << 10;        // bytes: a ConfigMap holds 1 MiB
constexpr std::size_t longest_name = 50;                 // a DNS label has 63, and some names get an ending
constexpr int end_of_process_seconds = 15;

std::string label_of(std::string_view app) {
    std::string out;
    for (const char c : app) {
        const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9'))
            out += lower;
        else if (!out.empty() && out.back() != '-')
            out += '-';
        if (out.size() == longest_name) break;
    }
    while (!out.empty() && out.back() == '-') out.pop_back();
    if (out.empty()) return "volley";
    // A name must begin with a letter, and YAML must not read it as a number or a truth value.
    const auto is_word = [&](const char* word) { return out == word; };
    const bool begins_well = out.front() >= 'a' && out.front() <= 'z';
    const auto words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    return begins_well && std::none_of(words.begin(), words.end(), is_word) ? out : "volley-" + out;
}

std::string hex(std::uint64_t value) {
    std::array<char, 17> out{};
    std::snprintf(out.data(), out.size(), "%016llx", static_cast<unsigned long long>(value));
    return out.data();
}

std::string without_secret_files(std::string text, const References& references) {
    for (const std::string& expression : references.file_texts)
        for (std::size_t at = text.find(expression); at != std::string::npos;
             at = text.find(expression, at + 1))
            text.replace(at, expression.size(), "x");
    return text;
}

bool is_unprintable(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Whether it can stand in a comment, a command and a path of a mount.
bool is_printable(const std::string& path) {
    return !path.empty() && std::none_of(path.begin(), path.end(), is_unprintable);
}

void drop_unprintable(Needs& needs) {
    auto& files = needs.references.files;
    const auto bad = std::stable_partition(files.begin(), files.end(), is_printable);
    if (bad != files.end())
        needs.notes.emplace_back("a secret's file has a name with control characters: rename it");
    files.erase(bad, files.end());
    std::replace_if(needs.file.begin(), needs.file.end(), is_unprintable, '?');
}

void add_once(std::vector<std::string>& list, const std::string& what) {
    if (!what.empty() && std::find(list.begin(), list.end(), what) == list.end()) list.push_back(what);
}

// Adds the file if it is text, in the folder of the configuration or below it.
bool add_beside(Needs& needs, const Config& config, const std::string& word) {
    const fs::path path = fs::path(word).lexically_normal();
    if (!is_printable(word) || path.is_absolute() || *path.begin() == "..") return false;
    std::error_code unknown;
    if (!fs::is_regular_file(fs::path(config.base_dir) / path, unknown)) return false;
    const auto known = [&](const ProjectFile& file) { return file.path == path.string(); };
    if (std::any_of(needs.beside.begin(), needs.beside.end(), known)) return true;
    const auto read = config::read_file(fs::path(config.base_dir) / path, largest_beside + 1);
    if (!read.text || read.text->size() > largest_beside || !is_text(*read.text)) {
        needs.notes.push_back(path.string() +
                              " is too large for a configuration, or no text: put it into the image");
        return true;
    }
    needs.beside.push_back({path.string(), *read.text});
    return true;
}

void add_schemas(Needs& needs, const Config& config) {
    for (const QueueConfig& queue : config.queues)
        if (queue.schema.kind == SchemaConfig::Kind::json_schema)
            add_beside(needs, config, queue.schema.name);
}

bool is_interpreter(const std::string& program) {
    const std::string name = fs::path(program).filename().string();
    return name.rfind("python", 0) == 0 || name == "node";
}

void add_handlers(Needs& needs, const Config& config) {
    for (const ComponentConfig& component : config.components) {
        const HandlerConfig& handler = component.handler;
        if (handler.kind == HandlerConfig::Kind::library) needs.plugins = true;
        if (handler.kind != HandlerConfig::Kind::process || handler.process.exec.empty()) continue;
        needs.interpreter = needs.interpreter || is_interpreter(handler.process.exec.front());
        bool carried = false;
        for (const std::string& word : handler.process.exec)
            carried = add_beside(needs, config, word) || carried;
        if (!carried && !is_interpreter(handler.process.exec.front()))
            needs.notes.push_back("the image or the machine must have the program " +
                                  handler.process.exec.front());
        if (carried)
            needs.notes.push_back("what the handler of " + component.name + " imports must be there, too");
    }
}

void add_stores(Needs& needs, const Config& config, const config::Node& tree) {
    std::set<std::string> inputs;
    for (const ComponentConfig& component : config.components) inputs.insert(component.input);
    for (std::size_t i = 0; i < config.queues.size(); ++i) {
        const QueueConfig& queue = config.queues[i];
        if (!queue.consumer.empty() || !queue.producer.empty()) needs.plugins = true;
        if (queue.type == "sqlite" || queue.type == "file") {
            const std::string path = setting(tree, i, "path");
            needs.disk.one_replica = "the queue " + queue.name + " is in a file of one machine";
            if (path.find("${") != std::string::npos)
                needs.notes.push_back(
                    "the path of the queue " + queue.name +
                    " has a variable: its folder must be there, and may have to be a volume");
            else if (!path.empty() && fs::path(path).is_relative())
                needs.disk.relative = true;
            if (fs::path(path).is_absolute())
                add_once(needs.disk.writable, fs::path(path).parent_path().string());
        } else if (queue.type == "memory" && inputs.count(queue.name) > 0) {
            needs.disk.one_replica = "the queue " + queue.name + " is in the memory of one process";
        } else if (queue.type == "http" && inputs.count(queue.name) > 0) {
            needs.notes.push_back("the queue " + queue.name +
                                  " listens for requests: expose its port, and let it listen on 0.0.0.0");
        }
    }
    if (config.state_dir.empty()) return;
    if (config.state_dir.front() == '/')
        add_once(needs.disk.writable, config.state_dir);
    else
        needs.disk.relative = true;
}

// Variables that a connector reads where the configuration says nothing.
void add_usual_variables(Needs& needs, const Config& config, const config::Node& tree) {
    const auto add = [&](const std::string& name) {
        const auto known = [&](const Variable& one) { return one.name == name; };
        auto& all = needs.references.variables;
        if (std::none_of(all.begin(), all.end(), known)) all.push_back({name, false});
    };
    for (std::size_t i = 0; i < config.queues.size(); ++i) {
        const std::string& type = config.queues[i].type;
        if (type == "kafka" && setting(tree, i, "bootstrap.servers").empty()) add("KAFKA_BROKERS");
        if ((type == "rsmq" || type == "redis-streams") && setting(tree, i, "host").empty() &&
            setting(tree, i, "url").empty() && setting(tree, i, "socket").empty())
            add("REDIS_HOST");
    }
}

Probed probed_of(const Config& config, const config::Node& tree) {
    Probed out;
    out.enabled = config.operations.enabled;
    const config::Node* operations = tree.find("operations");
    out.given = operations != nullptr && operations->find("listen") != nullptr;
    out.port = config.operations.port == 0 ? std::uint16_t{3000} : config.operations.port;
    const std::string& host = config.operations.host;
    out.loopback = out.given && (host.rfind("127.", 0) == 0 || host == "localhost" || host == "::1");
    return out;
}

// The environment of this process, without what is for an engine here; "1" for what must be set and is not.
config::Environment known_or_guessed(const References& references, bool& guessed) {
    return [&references, &guessed](const std::string& name) -> std::optional<std::string> {
        if (name == "VOLLEY_LISTEN" || name == "CREDENTIALS_DIRECTORY") return std::nullopt;
        if (const char* value = std::getenv(name.c_str())) return std::string(value);
        for (const Variable& one : references.variables)
            if (one.name == name && one.required) {
                guessed = true;
                return "1";
            }
        return std::nullopt;
    };
}

}  // namespace

Read read_needs(const std::string& path) {
    Read out;
    const auto read = config::read_file(path, largest_configuration);
    if (!read.text) {
        out.diagnostics = config::load_file(path, config::environment()).diagnostics;
        return out;
    }
    config::Diagnostics ignored(*read.text);  // load_text says the same
    const config::Node tree = config::read_yaml(*read.text, path, ignored);
    Needs needs;
    needs.file = fs::path(path).filename().string();
    needs.text = *read.text;
    needs.references = references_of(tree);
    std::error_code gone;
    auto loaded = config::load_text(without_secret_files(needs.text, needs.references), path,
                                    fs::absolute(path, gone).parent_path().string(),
                                    known_or_guessed(needs.references, out.guessed));
    out.diagnostics = std::move(loaded.diagnostics);
    if (!loaded.config) return out;
    const Config& config = *loaded.config;
    needs.name = label_of(config.app);
    drop_unprintable(needs);
    needs.grace_seconds = (config.shutdown_timeout.count() + 999) / 1000 + end_of_process_seconds;
    needs.probed = probed_of(config, tree);
    needs.plugins = !config.plugin_dirs.empty();
    add_schemas(needs, config);
    add_handlers(needs, config);
    add_stores(needs, config, tree);
    add_usual_variables(needs, config, tree);
    // There the file is volley.yml, whatever its name is here.
    const std::string app_there = config::has_default_app(config) ? "volley" : config.app;
    if (app_there != config.app)
        needs.notes.push_back("the file does not say `app`, so that its name decides: write app: " +
                              config.app);
    needs.triggers = triggers_of(config, app_there, tree, needs.notes);
    if (!needs.probed.enabled)
        needs.notes.emplace_back("operations are off: there are no probes and no metrics");
    for (std::string& note : needs.notes) std::replace_if(note.begin(), note.end(), is_unprintable, '?');
    std::replace_if(needs.disk.one_replica.begin(), needs.disk.one_replica.end(), is_unprintable, '?');
    text::Fingerprint sum;
    sum.add(needs.text);
    for (const ProjectFile& file : needs.beside) sum.add(file.path).add(file.text);
    needs.checksum = hex(sum.value());
    out.needs = std::move(needs);
    return out;
}

}  // namespace volley::cli::deploy
