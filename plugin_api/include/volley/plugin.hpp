// The only header that the author of a plugin includes. Header-only, C++17.
//
//     struct MyPGConsumer : volley::Consumer { explicit MyPGConsumer(const volley::Context&); … };
//     VOLLEY_PLUGIN("postgres", "1.0.0", volley::author("Ada"), volley::license("MIT"),
//                   VOLLEY_CLASS(MyPGConsumer), VOLLEY_CLASS(MyPGProducer));
//
// The base of a class defines its kind: Consumer, Producer, BatchConsumer, BatchProducer, Handler or
// BatchHandler. It may declare these static constexpr members:
//     const char* summary        one line, for `volley plugins`
//     const char* config_schema  JSON Schema (draft-07) of its `config:`, which volleyd --check applies
//     bool can_key, can_headers, can_delay, can_dedup, can_tombstone, ordered, bounded, thread_safe,
//          json_bodies           the flags of volley_class in plugin.h
//     std::uint64_t flags        the same, and others, as VOLLEY_… constants
//     std::uint32_t max_open     Consumer: how many messages are in work at once; 1
#pragma once

#include <array>
#include <type_traits>

#include "volley/abi.hpp"
#include "volley/batch_consumer.hpp"
#include "volley/batch_producer.hpp"
#include "volley/batch_shims.hpp"
#include "volley/class_flags.hpp"
#include "volley/consumer.hpp"
#include "volley/consumer_shim.hpp"
#include "volley/handler.hpp"
#include "volley/inspectable.hpp"
#include "volley/message.hpp"
#include "volley/producer.hpp"
#include "volley/producer_shim.hpp"

namespace volley {
inline namespace v1 {
namespace detail {

template <typename T>
struct ClassOf {
    static constexpr bool is_consumer = std::is_base_of_v<Consumer, T> || std::is_base_of_v<BatchConsumer, T>;
    static constexpr bool is_producer = std::is_base_of_v<Producer, T> || std::is_base_of_v<BatchProducer, T>;
    static_assert(is_consumer || is_producer || std::is_base_of_v<Handler, T> ||
                      std::is_base_of_v<BatchHandler, T>,
                  "a plugin's class derives from volley::Consumer, Producer, BatchConsumer, BatchProducer, "
                  "Handler or BatchHandler");

    static constexpr auto make_functions() {
        if constexpr (std::is_base_of_v<Consumer, T>)
            return consumer_functions<ConsumerShim<T>>();
        else if constexpr (std::is_base_of_v<BatchConsumer, T>)
            return consumer_functions<BatchConsumerShim<T>>();
        else if constexpr (std::is_base_of_v<Producer, T>)
            return producer_functions<ProducerShim<T>>();
        else if constexpr (std::is_base_of_v<BatchProducer, T>)
            return producer_functions<BatchProducerShim<T>>();
        else
            return handler_functions<T>();
    }
    static constexpr auto functions = make_functions();

    static constexpr const char* const* extensions() {
        if constexpr (std::is_base_of_v<Consumer, T>)
            return ConsumerShim<T>::extensions;
        else if constexpr (std::is_base_of_v<BatchConsumer, T>)
            return BatchConsumerShim<T>::extensions.data();
        else
            return nullptr;
    }

    static constexpr volley_class describe(const char* name) {
        volley_class c{};
        c.struct_size = sizeof c;
        c.kind = is_consumer   ? VOLLEY_KIND_CONSUMER
                 : is_producer ? VOLLEY_KIND_PRODUCER
                               : VOLLEY_KIND_HANDLER;
        c.name = name;
        c.flags = class_flags<T>();
        if (!is_consumer && !is_producer) c.flags |= VOLLEY_KEEPS_GROUPS;
        c.summary = summary_of<T>::value;
        c.config_schema = config_schema_of<T>::value;
        c.extensions = extensions();
        c.functions = &functions;
        return c;
    }
};

// A field of volley_plugin and its text.
struct PluginText {
    const char* volley_plugin::*field;
    const char* text;
};

inline void add_part(volley_plugin& plugin, const PluginText& part, volley_class*, const volley_class**) {
    plugin.*part.field = part.text;
}
inline void add_part(volley_plugin& plugin, const volley_class& part, volley_class* classes,
                     const volley_class** pointers) {
    classes[plugin.class_count] = part;
    pointers[plugin.class_count] = &classes[plugin.class_count];
    ++plugin.class_count;
}

// The description of a plugin from the parts that VOLLEY_PLUGIN gets. Static: it lives as long as the
// process.
template <std::size_t Count>
struct PluginDescription {
    template <typename... Parts>
    PluginDescription(const char* name, const char* version, const Parts&... parts) {
        plugin.struct_size = sizeof plugin;
        plugin.abi_minor = VOLLEY_ABI_MINOR;
        plugin.classes = pointers.data();
        plugin.name = name;
        plugin.version = version;
        (add_part(plugin, parts, classes.data(), pointers.data()), ...);
    }
    PluginDescription(const PluginDescription&) = delete;
    PluginDescription& operator=(const PluginDescription&) = delete;

    volley_plugin plugin{};
    std::array<volley_class, Count> classes{};
    std::array<const volley_class*, Count> pointers{};
};
template <typename... Parts>
PluginDescription(const char*, const char*, const Parts&...) -> PluginDescription<sizeof...(Parts)>;

}  // namespace detail

// Further arguments of VOLLEY_PLUGIN. The texts are static.
constexpr detail::PluginText author(const char* text) { return {&volley_plugin::author, text}; }
constexpr detail::PluginText license(const char* spdx) { return {&volley_plugin::license, spdx}; }
constexpr detail::PluginText summary(const char* text) { return {&volley_plugin::summary, text}; }
constexpr detail::PluginText url(const char* text) { return {&volley_plugin::url, text}; }

}  // namespace v1
}  // namespace volley

#define VOLLEY_CLASS(type) ::volley::detail::ClassOf<type>::describe(#type)

// The plugin's one exported symbol. Once a shared object, outside of any namespace. Name, version, then the
// classes and author(), license(), summary(), url() in any order.
#define VOLLEY_PLUGIN(plugin_name, plugin_version, ...)                                                 \
    extern "C" VOLLEY_EXPORT const volley_plugin* volley_plugin_v1(const volley_host*, volley_error*) { \
        static const ::volley::detail::PluginDescription description(plugin_name, plugin_version,       \
                                                                     __VA_ARGS__);                      \
        return &description.plugin;                                                                     \
    }                                                                                                   \
    static_assert(true, "so that a semicolon may follow")
