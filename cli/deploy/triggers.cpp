#include "deploy/triggers.hpp"

#include <algorithm>

#include "deploy/references.hpp"

namespace volley::cli::deploy {

namespace {

using Metadata = std::vector<std::pair<std::string, std::string>>;

constexpr const char* messages_per_replica = "1000";

const config::Node* queue_node(const config::Node& tree, std::size_t queue) {
    const config::Node* queues = tree.find("queues");
    if (queues == nullptr) return nullptr;
    if (queue < queues->elements.size()) return &queues->elements[queue];
    if (queue < queues->members.size()) return &queues->members[queue].second;
    return nullptr;
}

// Adds the value, or the variable that is the value: KEDA reads it from the container's environment. Returns
// false, and adds nothing, for a value that only contains a variable.
bool add_value(Metadata& metadata, const std::string& key, const std::string& written) {
    const std::string variable = whole_variable(written);
    if (!variable.empty())
        metadata.emplace_back(key + "FromEnv", variable);
    else if (written.find("${") == std::string::npos)
        metadata.emplace_back(key, written);
    else
        return false;
    return true;
}

std::vector<std::string> topics_of(const std::string& value) {
    std::vector<std::string> out;
    std::string one;
    for (const char c : value + ",") {
        if (c == ',') {
            if (!one.empty()) out.push_back(one);
            one.clear();
        } else if (c != ' ') {
            one += c;
        }
    }
    return out;
}

std::string or_else(const std::string& given, const char* usual) { return given.empty() ? usual : given; }

bool add_kafka(std::vector<Trigger>& out, const Config& config, const std::string& app,
               const config::Node& tree, std::size_t queue, const ComponentConfig& component) {
    const std::string servers = or_else(setting(tree, queue, "bootstrap.servers"), "${KAFKA_BROKERS}");
    std::string group = setting(tree, queue, "group.id");
    if (group.empty()) group = app + "." + component.name;
    const std::string& value = config.queues[queue].value;
    // A pattern: KEDA then looks at all topics of the group.
    const bool pattern = value.rfind('^', 0) == 0;
    for (const std::string& topic : pattern ? std::vector<std::string>{""} : topics_of(value)) {
        Trigger trigger{"kafka", {}};
        if (!add_value(trigger.metadata, "bootstrapServers", servers)) return false;
        if (group.find("${") != std::string::npos) return false;
        trigger.metadata.emplace_back("consumerGroup", group);
        if (!topic.empty()) trigger.metadata.emplace_back("topic", topic);
        trigger.metadata.emplace_back("lagThreshold", messages_per_replica);
        trigger.metadata.emplace_back("excludePersistentLag", "true");
        out.push_back(std::move(trigger));
    }
    return true;
}

bool add_rsmq(std::vector<Trigger>& out, const Config& config, const config::Node& tree, std::size_t queue) {
    if (!setting(tree, queue, "url").empty() || !setting(tree, queue, "socket").empty()) return false;
    const std::string ns = or_else(setting(tree, queue, "ns"), "rsmq");
    if (ns.find("${") != std::string::npos) return false;
    Trigger trigger{"redis", {}};
    if (!add_value(trigger.metadata, "host", or_else(setting(tree, queue, "host"), "${REDIS_HOST}")))
        return false;
    if (!add_value(trigger.metadata, "port", or_else(setting(tree, queue, "port"), "6379"))) return false;
    const std::string password = setting(tree, queue, "password");
    if (!password.empty()) {
        if (whole_variable(password).empty()) return false;  // a trigger is no place for a secret
        add_value(trigger.metadata, "password", password);
    }
    if (const std::string db = setting(tree, queue, "db"); !db.empty())
        if (!add_value(trigger.metadata, "databaseIndex", db)) return false;
    trigger.metadata.emplace_back("listName", ns + ":" + config.queues[queue].value);
    trigger.metadata.emplace_back("listLength", messages_per_replica);
    out.push_back(std::move(trigger));
    return true;
}

}  // namespace

std::string setting(const config::Node& tree, std::size_t queue, std::string_view key) {
    const config::Node* node = queue_node(tree, queue);
    const config::Node* own = node == nullptr ? nullptr : node->find("config");
    const config::Node* value = own == nullptr ? nullptr : own->find(key);
    return value == nullptr || value->kind != config::Node::Kind::scalar ? std::string() : value->scalar;
}

std::vector<Trigger> triggers_of(const Config& config, const std::string& app, const config::Node& tree,
                                 std::vector<std::string>& notes) {
    std::vector<Trigger> out;
    for (const ComponentConfig& component : config.components) {
        const auto queue = std::find_if(config.queues.begin(), config.queues.end(),
                                        [&](const QueueConfig& one) { return one.name == component.input; });
        if (queue == config.queues.end()) continue;
        const auto index = static_cast<std::size_t>(queue - config.queues.begin());
        const bool possible = queue->type == "kafka"  ? add_kafka(out, config, app, tree, index, component)
                              : queue->type == "rsmq" ? add_rsmq(out, config, tree, index)
                                                      : true;
        if (!possible)
            notes.push_back("no trigger for the queue " + queue->name +
                            ": a value of its configuration is only partly a variable, or is a secret");
    }
    return out;
}

}  // namespace volley::cli::deploy
