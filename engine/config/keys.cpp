#include "config/keys.hpp"

namespace volley::config {

const std::vector<Key>& keys() {
    static const std::vector<Key> all = {
        {"", "app", "name", "the file's name",
         "The application: a label on every metric, and the prefix of consumer groups. Give it one that no "
         "other "
         "service has."},
        {"", "queues", "list or mapping", "required", "The queues that components read from and write to."},
        {"", "components", "list", "required",
         "What runs: each reads one queue, calls a handler and writes to others."},
        {"", "operations", "mapping or off", "on", "Where health, readiness and metrics are served."},
        {"", "log", "mapping", "", "What is logged, and how."},
        {"", "shutdown_timeout", "duration", "30s",
         "How long a stop waits for what is at work; then the exit code is 75."},
        {"", "startup_timeout", "duration", "60s",
         "How long a store that is down is waited for at the start; then exit 69. So long a child process "
         "may load."},
        {"", "stall_timeout", "duration", "5m",
         "Work waits and nothing moves for so long: not ready, then exit 75."},
        {"", "max_message_bytes", "size", "1 MiB", "A larger message fails for good, with reason too_large."},
        {"", "plugin_dirs", "list of paths", "none",
         "Searched for plugins after --plugin-dir; relative to the file."},
        {"", "state_dir", "path", "$STATE_DIRECTORY, else /var/lib/volley if it can be written",
         "Where the crash journal is kept, which convicts a message that kills the process."},
        {"queue", "name", "name", "required", "What components call it. In the mapping form it is the key."},
        {"queue", "value", "text", "the name", "What the store calls it: topic, RSMQ queue, table."},
        {"queue", "type", "name", "required",
         "The connector: kafka is kafka.so. Not needed if consumer or producer name one."},
        {"queue", "consumer", "file.so:Class", "by type", "The class that reads the queue."},
        {"queue", "producer", "file.so:Class", "by type", "The class that writes to the queue."},
        {"queue", "schema", "path, mapping or name", "none",
         "A JSON Schema (draft-07) as a file or inline, or volley.data_models.ComponentMessage: any JSON "
         "object."},
        {"queue", "serializer", "json, msgpack or none", "json with a schema, else the connector's",
         "How bodies are encoded. none: bytes that nobody looks into."},
        {"queue", "key", "JSON pointer", "the store's key",
         "Where the key is inside the body: /customer/id."},
        {"queue", "config", "mapping", "empty", "The connector's own keys; see its page."},
        {"component", "name", "name", "the input's name", "Its name in logs and metrics."},
        {"component", "input", "queue", "required", "The queue it reads."},
        {"component", "outputs", "list of queues", "none",
         "The queues it may write to. `forward` needs one; [] deletes what is read."},
        {"component", "handler", "forward, file.so:Class or mapping", "forward",
         "What is called for each message: see below."},
        {"component", "dead_letter_queue", "queue", "none", "Where messages go that failed for good."},
        {"component", "retry_queue", "queue", "none", "Where failed messages wait, out of order.", false},
        {"component", "workers", "number, 1 to 1024", "1",
         "How many threads handle messages, each with a handler of its own."},
        {"component", "concurrency", "number, 1 to 512", "1",
         "How many messages each worker's handler may have at once, if it is asynchronous or a child "
         "process."},
        {"component", "batch", "mapping", "none",
         "Give the handler lists of messages instead of one at a time: see below."},
        {"component", "order", "partition, key or none",
         "partition with one worker and concurrency 1, else key",
         "What must not overtake: messages of a partition, messages of a key, or nothing."},
        {"component", "retry", "mapping", "", "How a failed message is tried again."},
        {"component", "on_fail", "dead_letter, requeue, drop or stop", "dead_letter with a queue for it",
         "What happens after the last attempt."},
        {"component", "handler_timeout", "duration", "30s",
         "A child process that takes longer for a message is killed. Its loading does not count. What a "
         "handler in "
         "the process does later is ignored."},
        {"component", "max_in_flight", "number", "100000",
         "Messages in hand at most. Logs only come near it."},
        {"component", "max_in_flight_bytes", "size", "64 MiB",
         "Their bytes at most, and those of their outputs: the bound of memory."},
        {"component", "max_crashes", "number", "3",
         "Deaths of the process with a message in its handler, after which the message is given up."},
        {"component", "output_ids", "true or false", "false", "Give every output a volley-id header."},
        {"batch", "max_messages", "number, 1 to 10000", "100", "A batch is full with so many messages."},
        {"batch", "max_wait", "duration", "200ms",
         "A batch that is not full starts so long after its first message has arrived."},
        {"batch", "max_bytes", "size", "4 MiB",
         "A batch is full with so many bytes of bodies. A longer message is a batch of its own."},
        {"retry", "max_attempts", "number", "5", "Handler starts, the first included."},
        {"retry", "initial_delay", "duration", "100ms",
         "Before the second attempt at most; doubled each time, with jitter."},
        {"retry", "max_delay", "duration", "30s",
         "Between two attempts at most, unless the handler asks for longer."},
        {"handler", "exec", "list of words", "", "A child process: program and arguments, no shell."},
        {"handler", "env", "mapping", "empty", "Environment variables of a program, added to Volley's own."},
        {"handler", "clear_env", "true or false", "false",
         "A program gets only `env` and PATH, not Volley's environment."},
        {"handler", "working_dir", "path", "the file's folder", "The working directory of a program."},
        {"handler", "max_messages_per_child", "number", "none",
         "A child that has handled so many messages is replaced by a new one."},
        {"handler", "max_memory_per_child", "size", "none",
         "So is a child that uses more memory, once it has answered what it is at work on."},
        {"handler", "library", "path or file name", "", "A shared object with a handler class."},
        {"handler", "class", "name", "its only handler", "The class in the library."},
        {"handler", "config", "mapping", "empty", "The own keys of a handler in a library."},
        {"operations", "listen", "host:port", "$VOLLEY_LISTEN, else 127.0.0.1:3000",
         "Port 0 takes a free one and logs it."},
        {"operations", "token", "secret", "none", "Needed for more than the three probes beyond loopback."},
        {"log", "level", "trace, debug, info, warning, error or off", "info",
         "The least level that is written."},
        {"log", "format", "text or json", "text", "For people or for machines."},
    };
    return all;
}

std::vector<std::string> key_names(std::string_view section) {
    std::vector<std::string> names;
    for (const Key& key : keys()) {
        if (section == key.section) names.emplace_back(key.name);
    }
    return names;
}

std::string keys_as_markdown() {
    std::string out;
    std::string section = "-";
    for (const Key& key : keys()) {
        if (!key.available) continue;
        if (section != key.section) {
            section = key.section;
            out += "\n### " + (section.empty() ? std::string("The file") : section) + "\n\n";
            out += "| key | type | default | meaning |\n|---|---|---|---|\n";
        }
        out += "| `" + std::string(key.name) + "` | " + key.type + " | " + key.fallback + " | " +
               key.meaning + " |\n";
    }
    return out;
}

}  // namespace volley::config
