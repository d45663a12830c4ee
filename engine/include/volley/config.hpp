// The configuration of an engine: plain structs, filled from a file by load() or in code by the embedding
// program. Every default is visible here. Durations are milliseconds, sizes bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace volley {

using Milliseconds = std::chrono::milliseconds;

// A place in a file, counted from 1; line 0: the value did not come from a file.
struct Mark {
    std::string file;
    int line = 0;
    int column = 0;
    std::string
        origin;  // where a value without a place came from: "default", "environment REDIS_HOST", "program"
};

// Where every key and value came from, by path: "/queues/0/config/bootstrap.servers". For errors that point.
using Origins = std::map<std::string, Mark, std::less<>>;

enum class Serializer : std::uint8_t {
    automatic,
    json,
    msgpack,
    none
};  // automatic: json with a schema, else the connector's
enum class Order : std::uint8_t {
    automatic,
    partition,
    key,
    none
};  // automatic: partition with one worker, else key
enum class OnFail : std::uint8_t { automatic, dead_letter, requeue, drop, stop };

// A schema for bodies: none; any JSON object; or a JSON Schema (draft-07) as text, with the name it was read
// from.
struct SchemaConfig {
    enum class Kind : std::uint8_t { none, any_object, json_schema } kind = Kind::none;
    std::string text;  // the JSON Schema
    std::string name;  // file name or "inline", for messages
    bool operator==(const SchemaConfig&) const = default;
};

struct QueueConfig {
    std::string name;      // what components use
    std::string value;     // what the store calls it; default: the name
    std::string type;      // "kafka": kafka.so; may be empty if consumer or producer are given
    std::string consumer;  // "file.so:Class", "file.so"; empty: by type
    std::string producer;
    SchemaConfig schema;
    Serializer serializer = Serializer::automatic;
    std::string key;  // JSON pointer of the key inside the body; empty: the store's own key
    std::string config =
        "{}";          // the connector's own, a JSON object; interpolated, secrets included: never print it
    std::string path;  // where the queue stands in Origins: "/queues/0"
    bool operator==(const QueueConfig&) const = default;
};

struct ForwardHandler {};  // sends each message to every output as it is
struct LibraryHandler {
    std::string library;     // path or name of a shared object
    std::string class_name;  // empty: its only handler
    std::string config = "{}";
    bool operator==(const LibraryHandler&) const = default;
};
struct ProcessHandler {
    std::vector<std::string> exec;           // program and arguments; no shell
    std::map<std::string, std::string> env;  // added to the environment of this process
    bool clear_env = false;                  // … or to nothing but its PATH
    std::string working_dir;                 // empty: the folder of the configuration; relative to it
    // A child that has handled so many messages, or uses so many bytes, is replaced between two messages. 0:
    // no limit.
    std::uint64_t max_messages_per_child = 0;
    std::uint64_t max_memory_per_child = 0;
    bool operator==(const ProcessHandler&) const = default;
};

struct RetryConfig {
    std::uint32_t max_attempts = 5;
    Milliseconds initial_delay{100};
    Milliseconds max_delay{30'000};
    bool operator==(const RetryConfig&) const = default;
};

// Messages for one call of the handler.
struct BatchConfig {
    std::uint32_t max_messages = 100;
    Milliseconds max_wait{200};  // from the arrival of its first message
    std::uint64_t max_bytes = 4ULL << 20;
    bool operator==(const BatchConfig&) const = default;
};
inline constexpr std::uint32_t most_batch_messages = 10'000;

struct HandlerConfig {
    enum class Kind : std::uint8_t { forward, library, process, function } kind = Kind::forward;
    LibraryHandler library;
    ProcessHandler process;
    std::string function;  // kind function: the name under which the program registered it with Engine
    bool operator==(const HandlerConfig&) const = default;
};

inline constexpr std::uint32_t most_concurrency = 512;
inline constexpr std::uint64_t most_messages_per_child = 1'000'000'000'000;

struct ComponentConfig {
    std::string name;  // default: the input's name
    std::string input;
    std::vector<std::string> outputs;  // zero or many
    HandlerConfig handler;
    std::string dead_letter_queue;  // empty: none
    std::uint32_t workers = 1;
    // How many messages a worker's handler may have at once, if it completes them one by one.
    // With `batch`: how many batches.
    std::uint32_t concurrency = 1;
    std::optional<BatchConfig> batch;
    Order order = Order::automatic;
    RetryConfig retry;
    OnFail on_fail = OnFail::automatic;  // automatic: dead_letter with a queue for it, else the connector's
                                         // on_fail or stop
    Milliseconds handler_timeout{30'000};
    std::uint32_t max_in_flight = 100'000;
    std::uint64_t max_in_flight_bytes = 64ULL << 20;
    std::uint32_t max_crashes = 3;
    bool output_ids = false;
    std::string path;  // where it stands in Origins: "/components/0"
    bool operator==(const ComponentConfig&) const = default;
};

struct OperationsConfig {
    bool enabled = true;
    std::string host = "127.0.0.1";
    std::uint16_t port = 3000;  // 0: a free one
    bool port_given = false;    // not given and taken: a free one, with a warning
    std::string token;          // secret
    bool operator==(const OperationsConfig&) const = default;
};

struct LogConfig {
    std::string level = "info";   // trace debug info warning error off
    std::string format = "text";  // text json
    bool operator==(const LogConfig&) const = default;
};

struct Config {
    std::string app;  // label on every metric; default: the file's name without ending
    std::vector<QueueConfig> queues;
    std::vector<ComponentConfig> components;
    OperationsConfig operations;
    LogConfig log;
    Milliseconds shutdown_timeout{30'000};
    Milliseconds startup_timeout{60'000};
    Milliseconds stall_timeout{300'000};
    std::uint64_t max_message_bytes = 1ULL << 20;
    std::vector<std::string> plugin_dirs;
    std::string state_dir;  // empty: by environment, see docs
    std::string base_dir;   // absolute; relative paths are relative to it. Default: the file's folder
    std::string file;       // the file it was read from; empty: built in code
    Origins origins;
};

// Returns the queue of that name, which `config` owns, or null.
inline const QueueConfig* find_queue(const Config& config, std::string_view name) {
    for (const QueueConfig& queue : config.queues)
        if (queue.name == name) return &queue;
    return nullptr;
}

// Whether some component's dead letters go into the queue of that name.
inline bool keeps_dead_letters(const Config& config, std::string_view queue) {
    for (const ComponentConfig& component : config.components)
        if (!queue.empty() && component.dead_letter_queue == queue) return true;
    return false;
}

}  // namespace volley
