// All that the author of a plugin includes. Header-only, C++17.
//
//     struct MyPGConsumer : volley::Consumer { explicit MyPGConsumer(const volley::Context&); … };
//     VOLLEY_PLUGIN("postgres", "1.0.0", VOLLEY_CLASS(MyPGConsumer), VOLLEY_CLASS(MyPGProducer));
//
// A class says what it is by its base: Consumer, Producer, Handler or BatchHandler. A static constexpr const
// char* config_schema in it is the JSON Schema (draft-07) of its `config:`; volleyd --check then points at a
// wrong key. A static constexpr std::uint64_t flags in it says what it can (VOLLEY_CAN_HEADERS,
// VOLLEY_THREAD_SAFE…). Without optimisation for batches: see abi.hpp for that.
#pragma once

#include <type_traits>

#include "volley/abi.hpp"
#include "volley/consumer.hpp"
#include "volley/handler.hpp"
#include "volley/message.hpp"

namespace volley {
inline namespace v0 {
namespace detail {

template <typename T, typename = void>
struct config_schema_of {
    static constexpr const char* value = nullptr;
};
template <typename T>
struct config_schema_of<T, std::void_t<decltype(T::config_schema)>> {
    static constexpr const char* value = T::config_schema;
};

template <typename T, typename = void>
struct flags_of : std::integral_constant<std::uint64_t, 0> {};
template <typename T>
struct flags_of<T, std::void_t<decltype(T::flags)>> : std::integral_constant<std::uint64_t, T::flags> {};

template <typename T>
struct ClassOf {
    static constexpr bool is_consumer = std::is_base_of<Consumer, T>::value;
    static constexpr bool is_producer = std::is_base_of<Producer, T>::value;
    static_assert(is_consumer || is_producer || std::is_base_of<Handler, T>::value ||
                      std::is_base_of<BatchHandler, T>::value,
                  "a plugin's class derives from volley::Consumer, volley::Producer, volley::Handler or "
                  "volley::BatchHandler");

    static constexpr auto make_functions() {
        if constexpr (is_consumer)
            return consumer_functions<ConsumerShim<T>>();
        else if constexpr (is_producer)
            return producer_functions<ProducerShim<T>>();
        else
            return handler_functions<T>();
    }
    static constexpr auto functions = make_functions();

    static constexpr volley_class describe(const char* name) {
        volley_class c{};
        c.struct_size = sizeof c;
        c.kind = is_consumer   ? VOLLEY_KIND_CONSUMER
                 : is_producer ? VOLLEY_KIND_PRODUCER
                               : VOLLEY_KIND_HANDLER;
        c.name = name;
        c.flags = flags_of<T>::value;
        if (!is_consumer && !is_producer) c.flags |= VOLLEY_KEEPS_GROUPS;
        c.config_schema = config_schema_of<T>::value;
        c.functions = &functions;
        return c;
    }
};

}  // namespace detail
}  // namespace v0
}  // namespace volley

#define VOLLEY_CLASS(type) ::volley::detail::ClassOf<type>::describe(#type)

// The plugin's one exported symbol. Once a shared object, outside of any namespace.
#define VOLLEY_PLUGIN(plugin_name, plugin_version, ...)                                                 \
    extern "C" VOLLEY_EXPORT const volley_plugin* volley_plugin_v0(const volley_host*, volley_error*) { \
        static constexpr volley_class classes[] = {__VA_ARGS__};                                        \
        static constexpr auto count = static_cast<std::uint32_t>(sizeof classes / sizeof classes[0]);   \
        static const volley_class* pointers[count];                                                     \
        for (std::uint32_t i = 0; i < count; ++i) pointers[i] = &classes[i];                            \
        static const volley_plugin plugin = [] {                                                        \
            volley_plugin p{};                                                                          \
            p.struct_size = sizeof p;                                                                   \
            p.abi_minor = VOLLEY_ABI_MINOR;                                                             \
            p.class_count = count;                                                                      \
            p.classes = pointers;                                                                       \
            p.name = plugin_name;                                                                       \
            p.version = plugin_version;                                                                 \
            return p;                                                                                   \
        }();                                                                                            \
        return &plugin;                                                                                 \
    }                                                                                                   \
    static_assert(true, "so that a semicolon may follow")
