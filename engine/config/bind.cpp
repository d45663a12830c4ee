#include "config/bind.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/keys.hpp"

namespace volley::config {

namespace {

// The one schema of the ancestor that has a name here, under both spellings it had.
constexpr const char* any_object_schemas[] = {"volley.data_models.ComponentMessage",
                                              "volley.models.ComponentMessage"};

struct Alias {
    const char* old_name;
    const char* name;
};
constexpr Alias queue_aliases[] = {
    {"profile", "type"}, {"data_model", "schema"}, {"model_handler", "serializer"}};

// Reads the members of one mapping. Asks the table which keys there are.
class Section {
public:
    Section(const Node& node, const char* section, std::string path, Config& config, Diagnostics& diagnostics)
        : node_(node), section_(section), path_(std::move(path)), config_(config), diagnostics_(diagnostics) {
        check_keys();
    }

    const Node* find(const char* key) {
        const Node* value = node_.find(key);
        if (value != nullptr) config_.origins[path_ + "/" + key] = value->mark;
        return value != nullptr && value->kind != Node::Kind::null ? value : nullptr;
    }

    void text(const char* key, std::string& out) {
        if (const Node* value = scalar(key)) out = value->scalar;
    }

    template <typename Parse, typename Out>
    void parsed(const char* key, Out& out, const char* wanted, Parse&& parse) {
        const Node* value = scalar(key);
        if (value == nullptr) return;
        if (const auto result = parse(value->scalar))
            out = static_cast<Out>(*result);
        else
            wrong(*value, key, wanted);
    }

    void duration(const char* key, Milliseconds& out) {
        parsed(key, out, "a duration such as 100ms, 30s, 5m or 1h", parse_duration);
    }
    void size(const char* key, std::uint64_t& out) {
        parsed(key, out, "a size such as 512, 64 KiB or 64 MiB", parse_size);
    }

    template <typename Number>
    void number(const char* key, Number& out, std::uint64_t least, std::uint64_t most) {
        const std::string range =
            "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
        parsed(key, out, range.c_str(), [&](const std::string& text) -> std::optional<std::uint64_t> {
            std::uint64_t value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
                return std::nullopt;
            return value;
        });
    }

    void boolean(const char* key, bool& out) {
        parsed(key, out, "true or false", [](const std::string& text) -> std::optional<bool> {
            if (text == "true") return true;
            if (text == "false") return false;
            return std::nullopt;
        });
    }

    template <typename Enum>
    void choice(const char* key, Enum& out, const std::vector<std::pair<std::string, Enum>>& choices) {
        const Node* value = scalar(key);
        if (value == nullptr) return;
        std::vector<std::string> names;
        for (const auto& [name, chosen] : choices) {
            if (name == value->scalar) {
                out = chosen;
                return;
            }
            names.push_back(name);
        }
        std::string wanted = "one of ";
        for (const std::string& name : names) wanted += (&name == &names.front() ? "" : ", ") + name;
        const std::string near = nearest(value->scalar, names);
        wrong(*value, key, wanted, near.empty() ? "" : "did you mean \"" + near + "\"?");
    }

    void names(const char* key, std::vector<std::string>& out) {
        const Node* value = find(key);
        if (value == nullptr) return;
        if (value->kind != Node::Kind::sequence)
            return wrong(*value, key, "a list", "write [" + value->scalar + "]");
        for (std::size_t i = 0; i < value->elements.size(); ++i) {
            const Node& element = value->elements[i];
            config_.origins[path_ + "/" + key + "/" + std::to_string(i)] = element.mark;
            if (element.kind == Node::Kind::scalar)
                out.push_back(element.scalar);
            else
                wrong(element, key, "a list of words");
        }
    }

    // A mapping as JSON; remembers where each of its keys stands, and masks its secrets in print.
    void json(const char* key, std::string& out) {
        const Node* value = find(key);
        if (value == nullptr) return;
        if (value->kind != Node::Kind::mapping) return wrong(*value, key, "a mapping");
        remember(*value, path_ + "/" + key);
        out = to_json(*value);
    }

    void required(const char* key) {
        if (node_.find(key) != nullptr) return;
        diagnostics_.error("V0108", node_.mark, "the key \"" + std::string(key) + "\" is missing" + where());
    }

    void wrong(const Node& value, const char* key, const std::string& wanted, std::string help = {}) {
        const bool number_out_of_range = wanted.find(" to ") != std::string::npos && !value.scalar.empty() &&
                                         value.scalar.find_first_not_of("0123456789") == std::string::npos;
        const std::string shown = value.secret || names_a_secret_key(key) ? "***" : value.scalar;
        const std::string given = value.kind == Node::Kind::scalar     ? ", not \"" + shown + "\""
                                  : value.kind == Node::Kind::mapping  ? ", not a mapping"
                                  : value.kind == Node::Kind::sequence ? ", not a list"
                                                                       : ", not nothing";
        diagnostics_.error(number_out_of_range ? "V0106" : "V0105", value.mark,
                           "\"" + std::string(key) + "\" must be " + wanted + given, std::move(help),
                           static_cast<int>(std::max<std::size_t>(value.scalar.size(), 1)));
    }

private:
    static bool names_a_secret_key(const char* key) { return std::string_view(key) == "token"; }

    const Node* scalar(const char* key) {
        const Node* value = find(key);
        if (value == nullptr) return nullptr;
        if (value->kind == Node::Kind::scalar) return value;
        wrong(*value, key, "a single value");
        return nullptr;
    }

    std::string where() const {
        const Node* name = node_.find("name");
        if (name != nullptr) return " in \"" + name->scalar + "\"";
        return section_.empty() ? "" : " in this " + section_;
    }

    void check_keys() {
        std::vector<std::string> known = key_names(section_);
        if (section_ == "queue") {
            for (const Alias& alias : queue_aliases) known.emplace_back(alias.old_name);
        }
        for (const auto& [key, value] : node_.members) {
            const int length = static_cast<int>(key.scalar.size());
            const auto entry = std::find_if(keys().begin(), keys().end(), [&](const Key& k) {
                return section_ == k.section && key.scalar == k.name;
            });
            if (entry != keys().end()) {
                if (!entry->available) {
                    diagnostics_.error("V0109", key.mark,
                                       "\"" + key.scalar + "\" is not available in this version",
                                       "remove it; it is refused rather than ignored", length);
                }
                continue;
            }
            if (std::find(known.begin(), known.end(), key.scalar) != known.end()) continue;
            const std::string near = nearest(key.scalar, known);
            std::string all;
            for (const std::string& name : known) all += (all.empty() ? "known keys: " : " ") + name;
            diagnostics_.error("V0104", key.mark, "unknown key \"" + key.scalar + "\"" + where(),
                               near.empty() ? all : "did you mean \"" + near + "\"?", length);
        }
    }

    void remember(const Node& node, const std::string& path) {
        Mark mark = node.mark;
        if (node.secret) mark.origin = "secret";
        config_.origins[path] = mark;
        for (const auto& [key, value] : node.members) {
            remember(value, path + "/" + key.scalar);
            config_.origins[path + "/" + key.scalar + "#key"] = key.mark;
        }
        for (std::size_t i = 0; i < node.elements.size(); ++i)
            remember(node.elements[i], path + "/" + std::to_string(i));
    }

    const Node& node_;
    std::string section_;
    std::string path_;
    Config& config_;
    Diagnostics& diagnostics_;
};

class Binder {
public:
    Binder(Config& config, Diagnostics& diagnostics) : config_(config), diagnostics_(diagnostics) {}

    void bind(const Node& root) {
        Section top(root, "", "", config_, diagnostics_);
        top.text("app", config_.app);
        top.duration("shutdown_timeout", config_.shutdown_timeout);
        top.duration("startup_timeout", config_.startup_timeout);
        top.duration("stall_timeout", config_.stall_timeout);
        top.text("state_dir", config_.state_dir);
        top.size("max_message_bytes", config_.max_message_bytes);
        top.names("plugin_dirs", config_.plugin_dirs);
        top.required("queues");
        top.required("components");
        if (const Node* queues = top.find("queues")) bind_queues(*queues, top);
        if (const Node* components = top.find("components")) bind_components(*components, top);
        if (const Node* operations = top.find("operations")) bind_operations(*operations, top);
        if (const Node* log = top.find("log")) bind_log(*log, top);
    }

private:
    bool is_mapping(const Node& node, const char* what) {
        if (node.kind == Node::Kind::mapping) return true;
        diagnostics_.error("V0105", node.mark, std::string(what) + " must be a mapping", {},
                           static_cast<int>(std::max<std::size_t>(node.scalar.size(), 1)));
        return false;
    }

    void bind_queues(const Node& queues, Section& top) {
        if (queues.kind == Node::Kind::mapping) {
            for (const auto& [key, value] : queues.members) bind_queue(value, key.scalar, key.mark);
        } else if (queues.kind == Node::Kind::sequence) {
            for (const Node& element : queues.elements) bind_queue(element, {}, element.mark);
        } else {
            top.wrong(queues, "queues", "a list of queues, or a mapping from name to queue");
        }
    }

    void bind_queue(const Node& node, const std::string& name, const Mark& mark) {
        QueueConfig queue;
        queue.name = name;
        queue.path = "/queues/" + std::to_string(config_.queues.size());
        config_.origins[queue.path] = mark;
        if (!is_mapping(node, "a queue")) return;
        Section section(node, "queue", queue.path, config_, diagnostics_);
        if (name.empty()) {
            section.required("name");
            section.text("name", queue.name);
        }
        section.text("value", queue.value);
        section.text(current("type", node), queue.type);
        section.text("consumer", queue.consumer);
        section.text("producer", queue.producer);
        section.choice<Serializer>(
            current("serializer", node), queue.serializer,
            {{"json", Serializer::json}, {"msgpack", Serializer::msgpack}, {"none", Serializer::none}});
        section.text("key", queue.key);
        section.json("config", queue.config);
        if (const Node* schema = section.find(current("schema", node))) bind_schema(*schema, queue.schema);
        if (queue.type.empty() && queue.consumer.empty() && queue.producer.empty()) section.required("type");
        config_.queues.push_back(std::move(queue));
    }

    // The key, or the ancestor's name for it if the file has that.
    const char* current(const char* name, const Node& node) {
        for (const Alias& alias : queue_aliases) {
            if (std::string_view(alias.name) != name || node.find(alias.old_name) == nullptr) continue;
            const auto old = std::find_if(node.members.begin(), node.members.end(), [&](const auto& member) {
                return member.first.scalar == alias.old_name;
            });
            const int length = static_cast<int>(old->first.scalar.size());
            if (node.find(name) != nullptr) {
                diagnostics_.error(
                    "V0107", old->first.mark,
                    "\"" + std::string(alias.old_name) + "\" and \"" + name + "\" are the same key",
                    "keep \"" + std::string(name) + "\"", length);
                return name;
            }
            diagnostics_.note("V0116", old->first.mark,
                              "\"" + std::string(alias.old_name) + "\" is read as \"" + name + "\"", {},
                              length);
            return alias.old_name;
        }
        return name;
    }

    void bind_schema(const Node& node, SchemaConfig& schema) {
        if (node.kind == Node::Kind::mapping) {
            schema = {SchemaConfig::Kind::json_schema, to_json(node), "inline"};
            return;
        }
        if (node.scalar == "none") return;
        for (const char* name : any_object_schemas) {
            if (node.scalar == name) {
                schema.kind = SchemaConfig::Kind::any_object;
                schema.name = node.scalar;
                return;
            }
        }
        std::ifstream in(std::filesystem::path(config_.base_dir) / node.scalar);
        if (!in) {
            diagnostics_.error("V0100", node.mark, "the schema \"" + node.scalar + "\" cannot be read",
                               "a path is relative to the configuration's folder; other values are none and "
                               "volley.data_models.ComponentMessage",
                               static_cast<int>(node.scalar.size()));
            return;
        }
        std::ostringstream text;
        text << in.rdbuf();
        schema = {SchemaConfig::Kind::json_schema, text.str(), node.scalar};
    }

    void bind_components(const Node& components, Section& top) {
        if (components.kind != Node::Kind::sequence)
            return top.wrong(components, "components", "a list of components");
        for (const Node& element : components.elements) bind_component(element);
    }

    void bind_component(const Node& node) {
        ComponentConfig c;
        c.path = "/components/" + std::to_string(config_.components.size());
        config_.origins[c.path] = node.mark;
        if (!is_mapping(node, "a component")) return;
        Section section(node, "component", c.path, config_, diagnostics_);
        section.required("input");
        section.text("name", c.name);
        section.text("input", c.input);
        section.names("outputs", c.outputs);
        section.text("dead_letter_queue", c.dead_letter_queue);
        section.number("workers", c.workers, 1, 1024);
        section.choice<Order>("order", c.order,
                              {{"partition", Order::partition}, {"key", Order::key}, {"none", Order::none}});
        section.choice<OnFail>("on_fail", c.on_fail,
                               {{"dead_letter", OnFail::dead_letter},
                                {"requeue", OnFail::requeue},
                                {"drop", OnFail::drop},
                                {"stop", OnFail::stop}});
        section.duration("handler_timeout", c.handler_timeout);
        section.number("max_in_flight", c.max_in_flight, 1, 4'000'000);
        section.size("max_in_flight_bytes", c.max_in_flight_bytes);
        section.boolean("output_ids", c.output_ids);
        section.number("max_crashes", c.max_crashes, 1, 1000);
        if (const Node* retry = section.find("retry")) bind_retry(*retry, c);
        if (const Node* handler = section.find("handler")) bind_handler(*handler, c);
        config_.components.push_back(std::move(c));
    }

    void bind_retry(const Node& node, ComponentConfig& c) {
        if (!is_mapping(node, "\"retry\"")) return;
        Section section(node, "retry", c.path + "/retry", config_, diagnostics_);
        section.number("max_attempts", c.retry.max_attempts, 1, 1'000'000);
        section.duration("initial_delay", c.retry.initial_delay);
        section.duration("max_delay", c.retry.max_delay);
    }

    void bind_handler(const Node& node, ComponentConfig& c) {
        HandlerConfig& handler = c.handler;
        if (node.kind == Node::Kind::scalar) {
            if (node.scalar == "forward") return;
            handler.kind = HandlerConfig::Kind::library;
            const std::size_t colon = node.scalar.rfind(':');
            handler.library.library = node.scalar.substr(0, colon);
            if (colon != std::string::npos) handler.library.class_name = node.scalar.substr(colon + 1);
            if (handler.library.library.find(".so") == std::string::npos) {
                diagnostics_.error("V0105", node.mark, "\"" + node.scalar + "\" is no handler",
                                   "write forward, libship.so:Ship, or {exec: [python3, ship.py]}",
                                   static_cast<int>(node.scalar.size()));
            }
            return;
        }
        if (!is_mapping(node, "\"handler\"")) return;
        Section section(node, "handler", c.path + "/handler", config_, diagnostics_);
        section.names("exec", handler.process.exec);
        section.text("library", handler.library.library);
        section.text("class", handler.library.class_name);
        section.json("config", handler.library.config);
        const bool process = node.find("exec") != nullptr;
        const bool library = node.find("library") != nullptr;
        if (process == library) {
            diagnostics_.error("V0114", node.mark, "a handler has either \"exec\" or \"library\"",
                               "exec: [python3, ship.py], or library: libship.so");
        }
        if (process && handler.process.exec.empty())
            section.wrong(*node.find("exec"), "exec", "a list of at least one word");
        handler.kind = process ? HandlerConfig::Kind::process : HandlerConfig::Kind::library;
    }

    void bind_operations(const Node& node, Section& top) {
        OperationsConfig& operations = config_.operations;
        if (node.kind == Node::Kind::scalar && (node.scalar == "off" || node.scalar == "false")) {
            operations.enabled = false;
            return;
        }
        if (node.kind != Node::Kind::mapping)
            return top.wrong(node, "operations", "off, or a mapping with \"listen\"");
        Section section(node, "operations", "/operations", config_, diagnostics_);
        section.text("token", operations.token);
        std::string listen;
        section.text("listen", listen);
        if (listen.empty()) return;
        const std::size_t colon = listen.rfind(':');
        std::uint16_t port = 0;
        const char* begin = listen.data() + (colon == std::string::npos ? 0 : colon + 1);
        const auto [end, error] = std::from_chars(begin, listen.data() + listen.size(), port);
        if (error != std::errc() || end != listen.data() + listen.size()) {
            return section.wrong(*node.find("listen"), "listen", "an address such as 127.0.0.1:3000");
        }
        if (colon != std::string::npos && colon > 0) operations.host = listen.substr(0, colon);
        operations.port = port;
        operations.port_given = true;
    }

    void bind_log(const Node& node, Section&) {
        if (!is_mapping(node, "\"log\"")) return;
        Section section(node, "log", "/log", config_, diagnostics_);
        std::vector<std::pair<std::string, std::string>> levels;
        for (const char* name : {"trace", "debug", "info", "warning", "error", "off"})
            levels.emplace_back(name, name);
        section.choice("level", config_.log.level, levels);
        section.choice<std::string>("format", config_.log.format, {{"text", "text"}, {"json", "json"}});
    }

    Config& config_;
    Diagnostics& diagnostics_;
};

}  // namespace

void bind(const Node& root, Config& config, Diagnostics& diagnostics) {
    Binder(config, diagnostics).bind(root);
}

}  // namespace volley::config
