// Prints the effective configuration.
#include "config/bind.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/printed_values.hpp"
#include "text/json_text.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

// Automatic values were replaced before, where the plugins are known.
const char* name_of(Order order) {
    const char* const names[] = {"partition with one worker, else key", "partition", "key", "none"};
    return names[static_cast<std::size_t>(order)];
}
const char* name_of(OnFail on_fail) {
    const char* const names[] = {"by the queues", "dead_letter", "requeue", "drop", "stop"};
    return names[static_cast<std::size_t>(on_fail)];
}
const char* name_of(Serializer serializer) {
    const char* const names[] = {"by schema and connector", "json", "msgpack", "none"};
    return names[static_cast<std::size_t>(serializer)];
}

std::string quoted(const std::string& text) {
    const bool plain = !text.empty() && text.find_first_of(":#{}[],&*!|>'\"%@` ") == std::string::npos;
    return plain ? text : "\"" + text + "\"";
}

class Printer {
public:
    explicit Printer(const Config& config) : config_(config) {}

    std::string print() {
        line(0, "app", quoted(config_.app), "/app");
        line(0, "shutdown_timeout", duration(config_.shutdown_timeout), "/shutdown_timeout");
        line(0, "startup_timeout", duration(config_.startup_timeout), "/startup_timeout");
        line(0, "stall_timeout", duration(config_.stall_timeout), "/stall_timeout");
        if (!config_.state_dir.empty()) line(0, "state_dir", quoted(config_.state_dir), "/state_dir");
        if (!config_.plugin_dirs.empty()) line(0, "plugin_dirs", listed(config_.plugin_dirs), "/plugin_dirs");
        line(0, "max_message_bytes", std::to_string(config_.max_message_bytes), "/max_message_bytes");
        out_ += "queues:\n";
        for (const QueueConfig& queue : config_.queues) print_queue(queue);
        out_ += "components:\n";
        for (const ComponentConfig& component : config_.components) print_component(component);
        if (config_.operations.enabled) {
            out_ += "operations:\n";
            const std::string& host = config_.operations.host;
            const bool ipv6 = host.find(':') != std::string::npos;
            line(2, "listen",
                 quoted((ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(config_.operations.port)),
                 "/operations/listen");
            if (!config_.operations.token.empty()) line(2, "token", "\"***\"", "/operations/token");
        } else {
            line(0, "operations", "off", "/operations");
        }
        out_ += "log:\n";
        line(2, "level", config_.log.level, "/log/level");
        line(2, "format", config_.log.format, "/log/format");
        return out_;
    }
    std::vector<PrintedValue> take_values() { return std::move(values_); }

private:
    static std::string duration(Milliseconds ms) { return std::to_string(ms.count()) + "ms"; }

    std::string origin(const std::string& path) const {
        const auto found = config_.origins.find(path);
        if (found == config_.origins.end()) return "default";
        const Mark& mark = found->second;
        if (mark.line == 0) return mark.origin.empty() ? "default" : mark.origin;
        std::string text = mark.file + ":" + std::to_string(mark.line);
        if (!mark.origin.empty() && mark.origin != "secret") text += ", " + mark.origin;
        return text;
    }

    void line(std::size_t indent, const std::string& key, const std::string& value, const std::string& path,
              const char* lead = "") {
        std::string text = std::string(indent, ' ') + lead + key + ": " + value;
        constexpr std::size_t column = 44;
        if (text.size() < column) text.resize(column, ' ');
        out_ += text + "  # " + origin(path) + "\n";
        values_.push_back({path, value, origin(path)});
    }

    void print_queue(const QueueConfig& queue) {
        line(2, "name", quoted(queue.name), queue.path + "/name", "- ");
        line(4, "value", quoted(queue.value), queue.path + "/value");
        if (!queue.type.empty()) line(4, "type", quoted(queue.type), queue.path + "/type");
        if (!queue.consumer.empty()) line(4, "consumer", quoted(queue.consumer), queue.path + "/consumer");
        if (!queue.producer.empty()) line(4, "producer", quoted(queue.producer), queue.path + "/producer");
        if (queue.schema.kind != SchemaConfig::Kind::none)
            line(4, "schema", queue.schema.name == "inline" ? queue.schema.text : quoted(queue.schema.name),
                 queue.path + "/schema");
        line(4, "serializer", name_of(queue.serializer), queue.path + "/serializer");
        if (!queue.key.empty()) line(4, "key", quoted(queue.key), queue.path + "/key");
        print_own(queue.config, 4, queue.path + "/config");
    }

    // The `config:` of a connector or a handler.
    void print_own(const std::string& object, std::size_t indent, const std::string& path) {
        text::JsonText own(object);
        if (!own.tree.IsObject() || own.tree.ObjectEmpty()) return;
        out_ += std::string(indent, ' ') + "config:\n";
        for (auto& member : own.tree.GetObject()) {
            const std::string key = member.name.GetString();
            const std::string below = path + "/" + text::pointer_step(key);
            mask(key, below, member.value, own.tree.GetAllocator());
            line(indent + 2, quoted(key), text::as_written(member.value, text::member_of(&own.digits, key)),
                 below);
        }
    }

    // At any depth.
    void mask(const std::string& key, const std::string& path, rapidjson::Value& value,
              rapidjson::Document::AllocatorType& allocator) const {
        if (is_secret(key, path, value)) {
            value.SetString("***", allocator);
        } else if (value.IsObject()) {
            for (auto& member : value.GetObject()) {
                const std::string name = member.name.GetString();
                mask(name, path + "/" + text::pointer_step(name), member.value, allocator);
            }
        } else if (value.IsArray()) {
            for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
                mask({}, path + "/" + std::to_string(i), value[i], allocator);
        }
    }

    bool is_secret(const std::string& key, const std::string& path, const rapidjson::Value& value) const {
        const auto found = config_.origins.find(path);
        if (found != config_.origins.end() && found->second.origin == "secret") return true;
        // user:password@host, with or without a scheme.
        const std::string_view text = value.IsString() ? value.GetString() : "";
        const std::size_t host = text.rfind('@');
        const bool user_in_url =
            host != std::string_view::npos && text.substr(0, host).find(':') != std::string_view::npos;
        return names_a_secret(key) || user_in_url;
    }

    void print_component(const ComponentConfig& c) {
        const std::string& p = c.path;
        line(2, "name", quoted(c.name), p + "/name", "- ");
        line(4, "input", quoted(c.input), p + "/input");
        line(4, "outputs", listed(c.outputs), p + "/outputs");
        print_handler(c.handler, p + "/handler");
        if (!c.dead_letter_queue.empty())
            line(4, "dead_letter_queue", quoted(c.dead_letter_queue), p + "/dead_letter_queue");
        line(4, "workers", std::to_string(c.workers), p + "/workers");
        line(4, "concurrency", std::to_string(c.concurrency), p + "/concurrency");
        if (c.batch) {
            out_ += "    batch:\n";
            line(6, "max_messages", std::to_string(c.batch->max_messages), p + "/batch/max_messages");
            line(6, "max_wait", duration(c.batch->max_wait), p + "/batch/max_wait");
            line(6, "max_bytes", std::to_string(c.batch->max_bytes), p + "/batch/max_bytes");
        }
        line(4, "order", name_of(c.order), p + "/order");
        line(4, "on_fail", name_of(c.on_fail), p + "/on_fail");
        out_ += "    retry:\n";
        line(6, "max_attempts", std::to_string(c.retry.max_attempts), p + "/retry/max_attempts");
        line(6, "initial_delay", duration(c.retry.initial_delay), p + "/retry/initial_delay");
        line(6, "max_delay", duration(c.retry.max_delay), p + "/retry/max_delay");
        line(4, "handler_timeout", duration(c.handler_timeout), p + "/handler_timeout");
        line(4, "max_in_flight", std::to_string(c.max_in_flight), p + "/max_in_flight");
        line(4, "max_in_flight_bytes", std::to_string(c.max_in_flight_bytes), p + "/max_in_flight_bytes");
        line(4, "output_ids", c.output_ids ? "true" : "false", p + "/output_ids");
        line(4, "max_crashes", std::to_string(c.max_crashes), p + "/max_crashes");
    }

    void print_process(const ProcessHandler& p, const std::string& path) {
        std::string text = "{exec: " + listed(shown_words(config_, p.exec, path + "/exec"));
        std::string env;
        for (const auto& [name, value] : p.env) {
            const auto origin = config_.origins.find(path + "/env/" + name);
            const bool secret = origin != config_.origins.end() && origin->second.origin == "secret";
            env += (env.empty() ? "" : ", ") + quoted(name) + ": " + quoted(secret ? "***" : value);
        }
        if (!env.empty()) text += ", env: {" + env + "}";
        if (p.clear_env) text += ", clear_env: true";
        if (!p.working_dir.empty()) text += ", working_dir: " + quoted(p.working_dir);
        if (p.max_messages_per_child > 0)
            text += ", max_messages_per_child: " + std::to_string(p.max_messages_per_child);
        if (p.max_memory_per_child > 0)
            text += ", max_memory_per_child: " + std::to_string(p.max_memory_per_child);
        line(4, "handler", text + "}", path);
    }

    void print_handler(const HandlerConfig& h, const std::string& path) {
        const std::string spec =
            quoted(h.library.library + (h.library.class_name.empty() ? "" : ":" + h.library.class_name));
        switch (h.kind) {
            case HandlerConfig::Kind::forward:
                return line(4, "handler", "forward", path);
            case HandlerConfig::Kind::function:
                return line(4, "handler", "a function of the program", path);
            case HandlerConfig::Kind::process:
                return print_process(h.process, path);
            case HandlerConfig::Kind::library:
                break;
        }
        if (h.library.config == "{}") return line(4, "handler", spec, path);
        out_ += "    handler:\n";
        line(6, "library", quoted(h.library.library), path + "/library");
        if (!h.library.class_name.empty()) line(6, "class", quoted(h.library.class_name), path + "/class");
        print_own(h.library.config, 6, path + "/config");
    }

    static std::string listed(const std::vector<std::string>& words) {
        std::string out;
        for (const std::string& word : words) out += (out.empty() ? "" : ", ") + quoted(word);
        return "[" + out + "]";
    }

    const Config& config_;
    std::string out_;
    std::vector<PrintedValue> values_;
};

}  // namespace

std::string print(const Config& config) { return Printer(config).print(); }

std::vector<PrintedValue> printed_values(const Config& config) {
    Printer printer(config);
    static_cast<void>(printer.print());
    return printer.take_values();
}

std::vector<std::string> shown_words(const Config& config, std::vector<std::string> words,
                                     const std::string& path) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto found = config.origins.find(path + "/" + std::to_string(i));
        if (found != config.origins.end() && found->second.origin == "secret") words[i] = "***";
    }
    return words;
}

}  // namespace volley::config
