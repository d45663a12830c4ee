#include "config.hpp"

#include <charconv>
#include <limits>

namespace volley::memory {

namespace {

constexpr std::uint32_t most_messages = 1u << 24;  // handles keep 32 bits for the slot
constexpr std::uint32_t most_bytes = 1u << 24;

template <typename T>
std::optional<T> number(const Context& context, const std::string& key, T least, T most) {
    const auto text = context.find(key.c_str());
    if (!text) return std::nullopt;
    T value{};
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size() || value < least || value > most)
        throw Error(ErrorCode::config,
                    "config: `" + key + "` must be a whole number from " + std::to_string(least) + " to " +
                        std::to_string(most),
                    "/" + key);
    return value;
}

}  // namespace

MemoryConfig read_config(const Context& context) {
    MemoryConfig c;
    c.capacity = number<std::uint32_t>(context, "capacity", 1, most_messages);
    c.generate = number<std::uint64_t>(context, "generate", 0, std::numeric_limits<std::int64_t>::max());
    c.body_bytes = number<std::uint32_t>(context, "body_bytes", 0, most_bytes).value_or(c.body_bytes);
    const std::string discard = context.config("discard", "false");
    if (discard != "true" && discard != "false")
        throw Error(ErrorCode::config, "config: `discard` must be true or false", "/discard");
    c.discard = discard == "true";
    return c;
}

}  // namespace volley::memory
