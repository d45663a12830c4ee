#include "check/effective.hpp"

#include <algorithm>

#include "check/store.hpp"
#include "codec/codec.hpp"
#include "plugins/config_schema.hpp"
#include "text/json_text.hpp"
#include "text/text.hpp"
#include "volley/plugin.h"

namespace volley::check {

namespace {

using rapidjson::Value;

class Filler {
public:
    Filler(Config& config, const config::Environment& environment)
        : config_(config), environment_(environment) {}

    void fill(QueueConfig& queue, const plugins::PluginClass& found) {
        const bool json_bodies = (found.flags() & VOLLEY_JSON_BODIES) != 0;
        switch (codec::encoding_of(queue, json_bodies)) {
            case codec::Encoding::json:
                queue.serializer = Serializer::json;
                break;
            case codec::Encoding::msgpack:
                queue.serializer = Serializer::msgpack;
                break;
            case codec::Encoding::none:
                queue.serializer = Serializer::none;
        }
        if (found.description->config_schema == nullptr) return;
        rapidjson::Document schema;
        schema.Parse<rapidjson::kParseIterativeFlag>(found.description->config_schema);
        text::JsonText config(plugins::fit_config(found, queue.config));
        rapidjson::Document& own = config.tree;
        const Value* properties = text::member_of(&schema, "properties");
        if (!own.IsObject() || properties == nullptr || !properties->IsObject()) return;
        const std::vector<std::string> given = names_of(own);
        for (const auto& property : properties->GetObject()) {
            if (!own.HasMember(property.name) && applies(property.value, given))
                add(own, queue, property.name.GetString(), property.value);
        }
        queue.config = text::as_written(own, &config.digits);
    }

private:
    static std::vector<std::string> names_of(const Value& object) {
        std::vector<std::string> names;
        for (const auto& one : object.GetObject()) names.emplace_back(one.name.GetString());
        return names;
    }
    static bool applies(const Value& property, const std::vector<std::string>& given) {
        const Value* unless = text::member_of(&property, "x-unless");
        return unless == nullptr || !unless->IsArray() ||
               std::none_of(unless->Begin(), unless->End(), [&](const Value& name) {
                   return name.IsString() &&
                          std::find(given.begin(), given.end(), name.GetString()) != given.end();
               });
    }
    void add(rapidjson::Document& own, QueueConfig& queue, const std::string& name, const Value& property) {
        Value key(name.c_str(), own.GetAllocator());
        if (const Value* variables = text::member_of(&property, "x-environment");
            variables != nullptr && variables->IsArray()) {
            for (const Value& variable : variables->GetArray()) {
                const auto value = variable.IsString() ? environment_(variable.GetString()) : std::nullopt;
                if (!value || value->empty()) continue;
                own.AddMember(key, Value(value->c_str(), own.GetAllocator()), own.GetAllocator());
                Mark mark;
                mark.origin = "environment " + std::string(variable.GetString());
                config_.origins[queue.path + "/config/" + text::pointer_step(name)] = mark;
                return;
            }
        }
        if (const Value* fallback = text::member_of(&property, "default"))
            own.AddMember(key, Value(*fallback, own.GetAllocator()), own.GetAllocator());
    }

    Config& config_;
    const config::Environment& environment_;
};

}  // namespace

Config effective(Config config, plugins::Catalog& catalog, const config::Environment& environment) {
    const Config original = config;
    Filler filler(config, environment);
    for (QueueConfig& queue : config.queues) {
        const bool is_input =
            std::any_of(config.components.begin(), config.components.end(),
                        [&](const ComponentConfig& component) { return component.input == queue.name; });
        auto found = catalog.find_for_queue(is_input ? plugins::Kind::consumer : plugins::Kind::producer,
                                            queue, config.base_dir);
        if (found) filler.fill(queue, *found);
    }
    for (ComponentConfig& component : config.components) {
        if (component.order == Order::automatic)
            component.order =
                component.workers == 1 && component.concurrency == 1 ? Order::partition : Order::key;
        if (component.on_fail != OnFail::automatic) continue;
        const auto input =
            std::find_if(original.queues.begin(), original.queues.end(),
                         [&](const QueueConfig& queue) { return queue.name == component.input; });
        const bool is_log = input != original.queues.end() &&
                            store_of(plugins::Kind::consumer, *input, original, catalog).is_log;
        component.on_fail = !component.dead_letter_queue.empty() ? OnFail::dead_letter
                            : is_log                             ? OnFail::stop
                                                                 : OnFail::requeue;
    }
    return config;
}

}  // namespace volley::check
