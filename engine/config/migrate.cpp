#include "config/migrate.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "config/emit.hpp"
#include "config/py_volley.hpp"
#include "config/tree.hpp"
#include "text/text.hpp"

namespace volley::config {

namespace {

constexpr const char* became = "V0116";
constexpr const char* no_counterpart = "V0117";
constexpr const char* any_object = "volley.data_models.ComponentMessage";

struct Queue {
    std::string name;
    bool is_dead = false;  // for dead letters
    std::string yaml;
};

bool holds(std::string text, std::string_view word) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    return text.find(word) != std::string::npos;
}

// The program that read the file replaced {{ env }} by APP_ENV, or by localhost if it was not set.
std::string without_templates(const std::string& text, std::map<std::string, std::string>& filled_in) {
    std::string out;
    std::size_t at = 0;
    for (std::size_t open = 0; (open = text.find("{{", at)) != std::string::npos;) {
        const std::size_t close = text.find("}}", open);
        if (close == std::string::npos) break;
        const std::string inside = text.substr(open + 2, close - open - 2);
        const std::size_t first = inside.find_first_not_of(' ');
        const std::size_t last = inside.find_last_not_of(' ');
        const std::string name = first == std::string::npos ? "" : inside.substr(first, last - first + 1);
        const bool simple = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
            return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
        });
        out += text.substr(at, open - at);
        if (simple) {
            std::string capitals = name;
            std::transform(capitals.begin(), capitals.end(), capitals.begin(), [](char c) {
                return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            });
            out += filled_in[name] = name == "env" ? "${APP_ENV:-localhost}" : "${" + capitals + "}";
        } else {
            out += text.substr(open, close + 2 - open);
        }
        at = close + 2;
    }
    return out + text.substr(at);
}

class Migration {
public:
    Migration(const std::string& file, Diagnostics& told) : file_(file), told_(told) {}

    std::string run(const Node& root) {
        const Node* queues = root.kind == Node::Kind::mapping ? root.find("queues") : nullptr;
        if (queues == nullptr) queues = &root;
        if (queues == &root && root.kind == Node::Kind::mapping && root.find("components") != nullptr) {
            told_.error("V0108", root.mark, "the file has no queues", "is it one of py-volley's?");
            return {};
        }
        for (const auto& [key, value] : queues->members) {
            if (queues != &root || value.kind == Node::Kind::mapping) add_queue(key.scalar, key, value);
        }
        for (const Node& element : queues->elements) {
            const Node* name = element.find("name");
            if (name == nullptr)
                told_.error("V0108", element.mark, "a queue without a name",
                            "give it one: name: input-topic");
            else
                add_queue(name->scalar, *name, element);
        }
        if (queues != &root) drop_other_keys(root);
        if (queues_.empty() && !told_.has_errors())
            told_.error("V0108", {file_, 0, 0, {}}, "no queue of this file could be turned");
        if (told_.has_errors()) return {};
        std::string out = "# Migrated from py-volley's " + file_ + " by `volley migrate`.\nqueues:\n";
        for (const Queue& queue : queues_) out += queue.yaml;
        const Node* components = root.find("components");
        return out + (components != nullptr && !components->elements.empty() ? kept(*components) : guessed());
    }

private:
    void note(const Node& at, std::string text) {
        told_.note(became, at.mark, std::move(text), {}, at.length);
    }
    void lost(const Node& at, std::string text, std::string help) {
        told_.warning(no_counterpart, at.mark, std::move(text), std::move(help), at.length);
    }

    void add_queue(const std::string& name, const Node& key, const Node& node) {
        if (node.kind != Node::Kind::mapping)
            return lost(key, in_quotes(name) + " is no queue: left out", "a queue is a mapping with a value");
        const Node* type = node.find("profile");
        if (type == nullptr) type = node.find("type");
        const std::string given = type == nullptr ? "" : type->scalar;
        std::optional<Profile> profile = py_volley_profile(given);
        if (given == "kafka") profile = py_volley_profile("confluent");
        if (!profile) profile = profile_of_classes(node);
        if (!profile) return leave_out(name, key, node, type);
        if (type != nullptr && given != profile->type)
            note(*type, in_quotes(given) + " became type: " + profile->type);

        Queue queue;
        queue.name = name;
        queue.is_dead = std::string_view(profile->name).find("dlq") != std::string_view::npos ||
                        holds(name, "dead") || holds(name, "dlq");
        queue.yaml = "  - name: " + emit_text(name) + "\n";
        if (const Node* value = node.find("value"); value != nullptr && value->kind == Node::Kind::scalar)
            queue.yaml += "    value: " + emit_scalar(*value) + "\n";
        queue.yaml += "    type: " + std::string(profile->type) + "\n";
        queue.yaml += schema_of(node, *profile, queue.is_dead);
        if (const Node* config = node.find("config")) queue.yaml += config_of(*config, profile->type);
        drop_other_queue_keys(node);
        queues_.push_back(std::move(queue));
    }

    // Without a profile, the classes of the connector name the store.
    std::optional<Profile> profile_of_classes(const Node& node) {
        std::optional<Profile> found;
        for (const char* key : {"consumer", "producer"}) {
            const Node* value = node.find(key);
            if (value == nullptr) continue;
            const auto type = py_volley_connector(value->scalar);
            if (!type) return std::nullopt;
            found = py_volley_profile(*type == "kafka" ? "confluent" : "rsmq");
        }
        return found;
    }

    void leave_out(const std::string& name, const Node& key, const Node& node, const Node* type) {
        const Node* python = node.find("consumer");
        if (python == nullptr) python = node.find("producer");
        if (python != nullptr)
            return lost(*python, "queue " + in_quotes(name) + " has a connector in Python: left out",
                        "write it as a shared object (docs/writing-a-connector.md), then add the queue");
        if (type != nullptr)
            return lost(*type, "queue " + in_quotes(name) + " is of an unknown kind: left out",
                        "add it with a type that `volley plugins` lists");
        lost(key, "queue " + in_quotes(name) + " has no profile: left out", "add it with a type");
    }

    std::string schema_of(const Node& node, const Profile& profile, bool dead) {
        const Node* model = node.find("data_model");
        if (model == nullptr) model = node.find("schema");
        std::string schema = profile.any_object && !dead ? any_object : "";
        if (model != nullptr && (model->scalar == "None" || model->kind == Node::Kind::null)) {
            schema.clear();
        } else if (model != nullptr) {
            schema = any_object;
            if (!is_any_object(model->scalar))
                lost(*model,
                     in_quotes(model->scalar) + " is a Python class: any JSON object is taken instead",
                     "write its JSON Schema to a file (pydantic's model_json_schema() prints it) and name "
                     "that: "
                     "schema: order.json");
        }
        const Node* handler = node.find("model_handler");
        if (handler != nullptr && handler->kind == Node::Kind::scalar && handler->scalar != "None" &&
            handler->scalar.rfind("volley.models.", 0) != 0)
            lost(*handler, "the model handler " + in_quotes(handler->scalar) + " is a Python class: left out",
                 "convert the body in the handler itself");

        std::string serializer = dead ? "none" : profile.serializer;
        if (const Node* given = node.find("serializer"); given != nullptr) {
            const auto known = py_volley_serializer(given->scalar);
            if (known)
                // With None the model parsed the body, as JSON.
                serializer = *known == "none" && !schema.empty() ? "json" : *known;
            else if (given->kind == Node::Kind::scalar)
                lost(*given,
                     "the serializer " + in_quotes(given->scalar) + " is a Python class: " + serializer +
                         " is taken instead",
                     "serializers here are json, msgpack and none");
        }
        std::string out = "    serializer: " + serializer + "\n";
        if (!schema.empty()) out += "    schema: " + schema + "\n";
        return out;
    }

    std::string config_of(const Node& config, const std::string& type) {
        Node kept;
        kept.kind = Node::Kind::mapping;
        if (type == "rsmq")
            keep_for_rsmq(config, kept);
        else
            keep_for_kafka(config, kept);
        if (kept.members.empty()) return {};
        return "    config:\n" + emit_members(kept, 6);
    }

    // The keys were the arguments of Python's RedisSMQ; those of the Redis client were under `options`.
    void keep_for_rsmq(const Node& config, Node& kept) {
        for (const auto& [key, value] : config.members) {
            if (key.scalar == "options") {
                keep_for_rsmq(value, kept);
            } else if (is_one_of(key.scalar, {"host", "port", "db", "username", "password", "ns", "vt",
                                              "delay", "maxsize", "realtime"})) {
                kept.members.push_back({key, value});
                if (value.scalar == "True" || value.scalar == "False") {
                    kept.members.back().second.scalar = value.scalar == "True" ? "true" : "false";
                }
            } else if (!is_one_of(key.scalar, {"decode_responses", "exceptions", "quiet", "qname"})) {
                lost(key, in_quotes(key.scalar) + " is nothing that RSMQ's connector has: left out",
                     "plugins/rsmq/README.md has its keys");
            }
        }
    }

    void keep_for_kafka(const Node& config, Node& kept) {
        for (const auto& [key, value] : config.members) {
            if (is_one_of(key.scalar,
                          {"enable.auto.commit", "enable.auto.offset.store", "auto.commit.interval.ms"}))
                lost(key, in_quotes(key.scalar) + " is left out",
                     "an offset is committed when everything before it is done, and never sooner");
            else if (key.scalar == "poll_interval")
                lost(key, "\"poll_interval\" is left out", "nothing waits between two messages");
            else
                kept.members.push_back({key, value});
        }
    }

    static bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
        return std::any_of(words.begin(), words.end(), [&](const char* one) { return word == one; });
    }

    void drop_other_queue_keys(const Node& node) {
        for (const auto& [key, value] : node.members) {
            if (!is_py_volley_key(key.scalar) &&
                !is_one_of(key.scalar, {"name", "value", "type", "schema", "serializer", "consumer",
                                        "producer", "config"}))
                lost(key, in_quotes(key.scalar) + " is no key of a queue: left out",
                     "docs/configuration.md has all");
        }
    }

    void drop_other_keys(const Node& root) {
        for (const auto& [key, value] : root.members) {
            if (key.scalar != "queues" && key.scalar != "components")
                lost(key, in_quotes(key.scalar) + " is left out", "it has no counterpart");
        }
    }

    static std::string kept(const Node& components) {
        std::string out = "components:\n";
        for (const Node& component : components.elements) {
            std::string members = emit_members(component, 4);
            if (members.size() > 3) members.replace(0, 4, "  - ");
            out += members;
        }
        return out;
    }

    // One component that reads the first queue, or the queue that is called input.
    std::string guessed() {
        const Queue* input = nullptr;
        const Queue* dead = nullptr;
        for (const Queue& queue : queues_) {
            if (queue.is_dead && dead == nullptr) dead = &queue;
            if (!queue.is_dead &&
                (input == nullptr || (holds(queue.name, "input") && !holds(input->name, "input"))))
                input = &queue;
        }
        if (input == nullptr) {
            told_.error("V0108", {file_, 0, 0, {}},
                        "only dead-letter queues are left: there is nothing to read");
            return {};
        }
        std::string outputs;
        for (const Queue& queue : queues_) {
            if (&queue != input && !queue.is_dead)
                outputs += (outputs.empty() ? "" : ", ") + emit_text(queue.name);
        }
        told_.note(became, {file_, 0, 0, {}},
                   "py-volley's components are programs, so one was made from the queues: it reads " +
                       in_quotes(input->name) +
                       (dead == nullptr ? "" : ", with dead letters in " + in_quotes(dead->name)),
                   "correct input, outputs and handler; one component for each @engine.stream_app\n"
                   "its function moves to handler.py: docs/handler-protocol.md, examples/handlers/upper.py");
        std::string out = "components:\n  - input: " + emit_text(input->name) + "\n    outputs: [" + outputs +
                          "]\n    handler: {exec: [python3, handler.py]}\n";
        if (dead != nullptr) return out + "    dead_letter_queue: " + emit_text(dead->name) + "\n";
        return out +
               "    on_fail: " + (input->yaml.find("type: kafka") != std::string::npos ? "stop" : "requeue") +
               "\n";
    }

    const std::string& file_;
    Diagnostics& told_;
    std::vector<Queue> queues_;
};

}  // namespace

Migrated migrate(const std::string& given, const std::string& file) {
    const std::string text = given.substr(text::byte_order_mark(given));
    std::map<std::string, std::string> filled_in;
    const std::string filled = without_templates(text, filled_in);
    Diagnostics told(filled);
    const Node root = read_yaml(filled, file, told);
    if (told.has_errors()) return {{}, told.take()};
    for (const auto& [name, variable] : filled_in)
        told.note(became, {file, 0, 0, {}}, "{{ " + name + " }} became " + variable);
    std::string yaml = Migration(file, told).run(root);
    if (text.find('#') != std::string::npos)
        told.note(became, {file, 0, 0, {}}, "comments are not carried over");
    if (told.has_errors()) yaml.clear();
    return {std::move(yaml), told.take()};
}

}  // namespace volley::config
