#include "handlers/process.hpp"

#include <rapidjson/document.h>

#include "handlers/json_cursor.hpp"
#include "handlers/process_handler.hpp"
#include "volley/abi.hpp"

namespace volley::handlers {

namespace {

ProcessOptions options_of(const std::string& json) {
    rapidjson::Document config;
    config.Parse(json.c_str());
    ProcessOptions options;
    for (const auto& word : config["exec"].GetArray())
        options.exec.emplace_back(word.GetString(), word.GetStringLength());
    options.handler_timeout_ms = config["handler_timeout_ms"].GetUint64();
    options.startup_timeout_ms = config["startup_timeout_ms"].GetUint64();
    options.max_message_bytes = config["max_message_bytes"].GetUint64();
    options.concurrency = config["concurrency"].GetUint();
    options.queue = config["queue"].GetString();
    options.has_batches = config["has_batches"].GetBool();
    for (const auto& variable : config["env"].GetObject())
        options.env.emplace(variable.name.GetString(), variable.value.GetString());
    options.max_messages = config["max_messages"].GetUint64();
    options.max_memory = config["max_memory"].GetUint64();
    options.clear_env = config["clear_env"].GetBool();
    options.working_dir = config["working_dir"].GetString();
    return options;
}

std::int32_t create(const volley_host* host, const volley_options* options, const volley_jobs* jobs,
                    volley_handler** out, volley_error* error) {
    *out = nullptr;
    return detail::guard(error, [&] {
        const Context context(host, *options);
        *out = reinterpret_cast<volley_handler*>(
            new ProcessHandler(context, jobs, options_of(context.config_json())));
    });
}
std::int32_t open(volley_handler* handler, volley_error* error) {
    return detail::guard(error, [&] { detail::self<ProcessHandler>(handler).open(); });
}
std::int32_t handle(volley_handler* handler, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                    volley_error* error) {
    return detail::guard(error, [&] { detail::self<ProcessHandler>(handler).handle(tasks, count, stride); });
}
std::int32_t poll(volley_handler* handler, std::uint32_t timeout_ms, volley_error* error) {
    return detail::guard(
        error, [&] { detail::self<ProcessHandler>(handler).poll(std::chrono::milliseconds(timeout_ms)); });
}
void interrupt(volley_handler* handler) { detail::self<ProcessHandler>(handler).interrupt(); }
std::int32_t close(volley_handler* handler, std::uint32_t timeout_ms, volley_error* error) {
    return detail::guard(error, [&] { detail::self<ProcessHandler>(handler).close(timeout_ms); });
}
void destroy(volley_handler* handler) { delete &detail::self<ProcessHandler>(handler); }

}  // namespace

const volley_handler_class* process_handler_class() {
    static const volley_handler_class table = [] {
        volley_handler_class t{};
        t.struct_size = sizeof t;
        t.create = &create;
        t.open = &open;
        t.handle = &handle;
        t.close = &close;
        t.destroy = &destroy;
        t.poll = &poll;
        t.interrupt = &interrupt;
        return t;
    }();
    return &table;
}

std::string process_config(const ProcessOptions& options) {
    std::string json = "{\"exec\":[";
    for (const std::string& word : options.exec) {
        if (json.back() != '[') json += ',';
        append_json_string(json, word);
    }
    json += "],\"handler_timeout_ms\":" + std::to_string(options.handler_timeout_ms) +
            ",\"startup_timeout_ms\":" + std::to_string(options.startup_timeout_ms) +
            ",\"max_message_bytes\":" + std::to_string(options.max_message_bytes) +
            ",\"concurrency\":" + std::to_string(options.concurrency) + ",\"queue\":";
    append_json_string(json, options.queue);
    json += ",\"max_messages\":" + std::to_string(options.max_messages) +
            ",\"max_memory\":" + std::to_string(options.max_memory);
    json += std::string(",\"has_batches\":") + (options.has_batches ? "true" : "false") + ",\"env\":{";
    for (const auto& [name, value] : options.env) {
        if (json.back() != '{') json += ',';
        append_json_string(json, name);
        json += ':';
        append_json_string(json, value);
    }
    json += std::string("},\"clear_env\":") + (options.clear_env ? "true" : "false") + ",\"working_dir\":";
    append_json_string(json, options.working_dir);
    json += '}';
    return json;
}

}  // namespace volley::handlers
