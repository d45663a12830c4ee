#include "config.hpp"

#include <unistd.h>

#include <charconv>
#include <random>

namespace volley::streams {

namespace {

using redis::number;
using redis::wrong;
using redis::yes;

// Whether the key has the second of two values; the first is the default.
bool is_second(const Context& context, const char* key, const char* first, const char* second) {
    const std::string text = context.config(key, first);
    if (text != first && text != second) wrong(key, std::string(key) + " must be " + first + " or " + second);
    return text == second;
}

// The host, the process and a random part: no two instances have the same name.
std::string new_consumer_name() {
    char host[64] = {};
    gethostname(host, sizeof host - 1);
    char random[9] = {};
    std::to_chars(random, random + 8, std::random_device()(), 16);
    return std::string(own_consumers) + host + "-" + std::to_string(getpid()) + "-" + random;
}

void read_fields(Layout& layout, const Context& context) {
    layout.body_field = context.config("body_field", layout.body_field);
    layout.key_field = context.config("key_field", layout.key_field);
    for (const auto* field : {&layout.body_field, &layout.key_field}) {
        const char* key = field == &layout.body_field ? "body_field" : "key_field";
        if (field->empty()) wrong(key, std::string(key) + " must not be empty");
        if (is_reserved_field(*field))
            wrong(key, "fields named tombstone, h:… and n:… have another meaning: choose another " +
                           std::string(key));
    }
    if (layout.body_field == layout.key_field)
        wrong("key_field", "body_field and key_field must be different");
}

}  // namespace

Settings read_settings(const Context& context) {
    Settings s;
    s.server = redis::read_server(context);
    s.stream = context.value();
    if (s.stream.empty()) throw Error(ErrorCode::config, "the value, the stream's key, is empty");
    s.group = context.config("group", context.app() + "." + context.component());
    if (s.group.empty()) wrong("group", "group must not be empty");
    const auto consumer = context.find("consumer");
    s.is_consumer_configured = consumer.has_value();
    s.consumer = consumer ? *consumer : new_consumer_name();
    if (s.consumer.empty()) wrong("consumer", "consumer must not be empty");
    if (consumer && s.consumer.rfind(own_consumers, 0) == 0)
        wrong("consumer", "names that begin with " + std::string(own_consumers) + " are Volley's own");
    s.is_from_latest = is_second(context, "from", "earliest", "latest");
    s.claim_idle_ms = number(context, "claim_idle_ms", s.claim_idle_ms, 1000, 2'000'000'000);
    s.delete_acked = yes(context, "delete_acked", s.delete_acked);
    read_fields(s.layout, context);
    s.maxlen = number(context, "maxlen", 0, 1, 1'000'000'000'000);
    s.trim_always = is_second(context, "trim", "acked", "always");
    if (context.find("trim") && s.maxlen == 0) wrong("trim", "trim has no effect without maxlen");
    return s;
}

}  // namespace volley::streams
