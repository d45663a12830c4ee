// A queue of the file, in our words or in py-volley's.
#include <cerrno>
#include <filesystem>
#include <utility>

#include "config/bind_parts.hpp"
#include "config/py_volley.hpp"
#include "config/read_file.hpp"
#include "config/section.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

constexpr std::size_t largest_schema = 16 << 20;  // bytes

class QueueBinder {
public:
    QueueBinder(Config& config, Diagnostics& diagnostics) : config_(config), diagnostics_(diagnostics) {}

    // `name` is the queue's key if `queues` is a mapping.
    void bind(const Node& node, const std::string& name, const Mark& mark) {
        QueueConfig queue;
        queue.name = name;
        queue.path = "/queues/" + std::to_string(config_.queues.size());
        config_.origins[queue.path] = mark;
        const std::string what = name.empty() ? "a queue" : "queue " + in_quotes(name);
        if (!is_mapping(node, what, "write {type: sqlite}", diagnostics_)) {
            config_.queues.push_back(std::move(queue));  // components may name it
            return;
        }
        const Node* given = node.find("name");
        const bool has_name = given != nullptr && given->kind == Node::Kind::scalar;
        Section section(node, "queue", queue.path, config_, diagnostics_,
                        name.empty() && has_name ? given->scalar : name);
        if (name.empty()) {
            section.required("name", "components refer to it: name: orders");
            section.text("name", queue.name);
        } else if (has_name && given->scalar != name) {
            diagnostics_.error(
                "V0107", given->mark,
                "this queue is named twice: " + in_quotes(name) + " and " + in_quotes(given->scalar),
                "in the mapping form the key is the name: remove \"name\"", given->length);
        }
        section.text("value", queue.value);
        section.text("type", queue.type);
        bind_class(section, "consumer", queue, queue.consumer);
        bind_class(section, "producer", queue, queue.producer);
        bind_serializer(section, queue);
        section.text("key", queue.key);
        section.json("config", queue.config);
        if (const Node* schema = section.find("schema")) {
            section.remember_places("schema");
            bind_schema(*schema, queue.schema);
        }
        bind_py_volley(node, section, queue);
        if (queue.type.empty() && queue.consumer.empty() && queue.producer.empty() &&
            node.find("profile") == nullptr && node.find("consumer") == nullptr &&
            node.find("producer") == nullptr) {
            section.required("type",
                             "name the connector: type: kafka, rsmq or sqlite; `volley plugins` lists them");
        }
        config_.queues.push_back(std::move(queue));
    }

private:
    void note(const Node& key, std::string text) {
        diagnostics_.note("V0116", key.mark, std::move(text), {}, key.length);
    }
    void no_counterpart(const Node& value, std::string text, std::string help) {
        diagnostics_.error("V0117", value.mark, std::move(text), std::move(help), value.length);
    }

    // A class of a shared object. A class of py-volley becomes the connector for the same store.
    void bind_class(Section& section, const char* key, QueueConfig& queue, std::string& out) {
        section.text(key, out);
        const Node* value = section.find(key);
        if (value == nullptr || !is_python_class(out)) return;
        if (const auto type = py_volley_connector(out)) {
            diagnostics_.note("V0116", value->mark, in_quotes(out) + " is read as \"type: " + *type + "\"",
                              {}, value->length);
            if (queue.type.empty()) queue.type = *type;
        } else {
            no_counterpart(*value, in_quotes(out) + " is a Python class, and connectors are shared objects",
                           "write postgres.so:MyProducer; docs/writing-a-connector.md shows one");
        }
        out.clear();
    }

    void bind_serializer(Section& section, QueueConfig& queue) {
        const Node* value = section.find("serializer");
        if (value == nullptr) return;
        const auto old = py_volley_serializer(value->scalar);
        const std::string name = old ? *old : value->scalar;
        if (old) {
            diagnostics_.note("V0116", value->mark,
                              in_quotes(value->scalar) + " is read as \"serializer: " + name + "\"", {},
                              value->length);
            queue.serializer = serializer_of(name);
            return;
        }
        section.choice<Serializer>(
            "serializer", queue.serializer,
            {{"json", Serializer::json}, {"msgpack", Serializer::msgpack}, {"none", Serializer::none}});
    }

    static Serializer serializer_of(const std::string& name) {
        return name == "json" ? Serializer::json : name == "msgpack" ? Serializer::msgpack : Serializer::none;
    }

    // Reads the keys of py-volley, and reports what each is now.
    void bind_py_volley(const Node& node, Section& section, QueueConfig& queue) {
        if (const Node* model = old_value(node, "data_model", "schema")) {
            section.find("data_model");
            note(*node.find_key("data_model"), "\"data_model\" is read as \"schema\"");
            bind_schema(*model, queue.schema);
        }
        const Node* handler = node.find("model_handler");
        if (handler != nullptr && handler->scalar.rfind("volley.models.", 0) != 0 &&
            handler->kind == Node::Kind::scalar && handler->scalar != "None") {
            no_counterpart(*handler, "the model handler " + in_quotes(handler->scalar) + " is a Python class",
                           "remove it: bodies are checked by \"schema\" and converted by the handler itself");
        } else if (handler != nullptr) {
            note(*node.find_key("model_handler"),
                 "\"model_handler\" is not needed: \"schema\" checks bodies");
        }
        if (const Node* profile = old_value(node, "profile", "type")) bind_profile(*profile, node, queue);
    }

    // Returns the value of an old key, unless the new one is given, too.
    const Node* old_value(const Node& node, const char* old_key, const char* key) {
        const Node* value = node.find(old_key);
        if (value == nullptr || value->kind == Node::Kind::null) return nullptr;
        if (node.find(key) == nullptr) return value;
        const Node* name = node.find_key(old_key);
        diagnostics_.error("V0107", name->mark,
                           "\"" + std::string(old_key) + "\" and \"" + key + "\" are the same key",
                           "keep \"" + std::string(key) + "\"", name->length);
        return nullptr;
    }

    void bind_profile(const Node& value, const Node& node, QueueConfig& queue) {
        config_.origins[queue.path + "/type"] = value.mark;
        const Node& key = *node.find_key("profile");
        const auto profile = py_volley_profile(value.scalar);
        if (!profile) {
            std::vector<std::string> names;
            for (const Profile& known : py_volley_profiles()) names.emplace_back(known.name);
            const std::string near = nearest(value.scalar, names);
            if (!near.empty() && near.size() > 6) {
                diagnostics_.error("V0105", value.mark, "there is no profile " + in_quotes(value.scalar),
                                   "did you mean \"" + near + "\"?", value.length);
                return;
            }
            queue.type = value.scalar;
            note(key, "\"profile\" is read as \"type\"");
            return;
        }
        queue.type = profile->type;
        std::string became = "type: " + queue.type;
        if (node.find("serializer") == nullptr) {
            queue.serializer = serializer_of(profile->serializer);
            became += ", serializer: " + std::string(profile->serializer);
        }
        if (node.find("schema") == nullptr && node.find("data_model") == nullptr && profile->any_object) {
            queue.schema.kind = SchemaConfig::Kind::any_object;
            queue.schema.name = "volley.data_models.ComponentMessage";
            became += ", schema: " + queue.schema.name;
        }
        note(key, "\"profile: " + value.scalar + "\" is read as \"" + became + "\"");
    }

    void bind_schema(const Node& node, SchemaConfig& schema) {
        if (node.kind == Node::Kind::mapping) {
            schema = {SchemaConfig::Kind::json_schema, to_json(node), "inline"};
            return;
        }
        if (node.scalar == "none" || node.scalar == "None") return;
        if (is_any_object(node.scalar)) {
            schema.kind = SchemaConfig::Kind::any_object;
            schema.name = node.scalar;
            return;
        }
        FileText read;
        if (node.kind == Node::Kind::scalar)
            read = read_file(std::filesystem::path(config_.base_dir) / node.scalar, largest_schema + 1);
        if (!read.text && is_python_class(node.scalar)) {
            return no_counterpart(node,
                                  in_quotes(node.scalar) + " is a Python class, and schemas are JSON Schema",
                                  "write its JSON Schema to a file and name that (pydantic's "
                                  "model_json_schema() prints it), or "
                                  "volley.data_models.ComponentMessage for any JSON object");
        }
        if (read.text && read.text->size() > largest_schema) {
            read.text.reset();
            read.why = "it is larger than 16 MiB";
        }
        if (!read.text) {
            const bool is_obvious = read.why.empty() || read.error == ENOENT;
            const std::string why = is_obvious ? "" : ": " + read.why;
            diagnostics_.error("V0100", node.mark,
                               "the schema " + in_quotes(node.scalar) + " cannot be read" + why,
                               "a path is relative to the configuration's folder; other values are none, an "
                               "inline {…} and volley.data_models.ComponentMessage",
                               node.length);
            return;
        }
        std::string json = std::move(*read.text);
        json.erase(0, text::byte_order_mark(json));
        schema = {SchemaConfig::Kind::json_schema, std::move(json), node.scalar};
    }

    Config& config_;
    Diagnostics& diagnostics_;
};

}  // namespace

bool is_mapping(const Node& node, const std::string& what, const char* help, Diagnostics& diagnostics) {
    if (node.kind == Node::Kind::mapping) return true;
    const std::string given = node.kind == Node::Kind::scalar     ? ", not " + in_quotes(node.scalar)
                              : node.kind == Node::Kind::sequence ? ", not a list"
                                                                  : ", not nothing";
    diagnostics.error("V0105", node.mark, what + " must be a mapping" + given, help, node.length);
    return false;
}

void bind_queue(const Node& node, const std::string& name, const Mark& mark, Config& config,
                Diagnostics& diagnostics) {
    QueueBinder(config, diagnostics).bind(node, name, mark);
}

}  // namespace volley::config
