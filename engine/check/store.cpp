#include "check/store.hpp"

#include <regex.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "config/interpolate.hpp"
#include "plugins/config_schema.hpp"
#include "text/json_text.hpp"
#include "volley/plugin.h"

namespace volley::check {

namespace {

using rapidjson::Value;

// Returns a value of `config:` as text, whatever its type. Empty: not given.
std::string text_at(const Value& config, const char* key) {
    const Value* found = text::member_of(&config, key);
    if (found == nullptr) return {};
    return found->IsString() ? found->GetString() : text::as_written(*found, nullptr);
}

bool offers(const volley_class& description, const char* extension) {
    if (description.extensions == nullptr) return false;
    for (const char* const* id = description.extensions; *id != nullptr; ++id) {
        if (std::string_view(*id) == extension) return true;
    }
    return false;
}

std::vector<std::string> listed(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        std::string one = text.substr(begin, end - begin);
        one.erase(0, one.find_first_not_of(' '));
        one.erase(one.find_last_not_of(' ') + 1);
        if (!one.empty()) out.push_back(std::move(one));
        begin = end + 1;
    }
    return out;
}

struct HostPort {
    std::string host;
    std::string port;
};

// Parses "host", "host:port", "[v6]:port" or an IPv6 address.
HostPort host_and_port(const std::string& text, const std::string& default_port) {
    const std::size_t bracket = text.empty() || text[0] != '[' ? std::string::npos : text.find(']');
    if (bracket != std::string::npos) {
        const bool given = bracket + 1 < text.size() && text[bracket + 1] == ':';
        return {text.substr(1, bracket - 1), given ? text.substr(bracket + 2) : default_port};
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos || colon != text.rfind(':')) return {text, default_port};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

// Normalizes different spellings of one host, without a lookup.
std::string host_key(const HostPort& at) {
    std::string host = at.host;
    std::transform(host.begin(), host.end(), host.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (host == "127.0.0.1" || host == "::1") host = "localhost";
    return host + ":" + at.port;
}

// As the connector sqlite reads it (plugins/sqlite/config.cpp). Files without a path in two configurations of
// /etc are never compared with each other, so the state directory's name does not matter.
std::string sqlite_path(const Value& config, const std::string& base_dir) {
    const bool in_etc = base_dir == "/etc" || base_dir.rfind("/etc/", 0) == 0;
    const char* const without = in_etc ? "/var/lib/volley/volley.db" : "volley.db";
    const std::string path = text_at(config, "path");
    return (std::filesystem::path(base_dir) / (path.empty() ? without : path)).lexically_normal().string();
}

// A Redis server as the connector rsmq reads it (plugins/rsmq/config.cpp). Names are not resolved, so two
// names of one server count as two.
struct Redis {
    HostPort at{"127.0.0.1", "6379"};
    std::string db = "0";
    std::string socket;
    std::string user;

    std::string database() const {
        const bool v6 = at.host.find(':') != std::string::npos;
        return (socket.empty() ? (v6 ? "[" + at.host + "]" : at.host) + ":" + at.port : socket) + "/" + db;
    }
};

void read_place(Redis& redis, std::string text) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string::npos) {
        redis.at = host_and_port(text, redis.at.port);
        return;
    }
    const bool is_socket = text.rfind("unix://", 0) == 0;
    text.erase(0, scheme + 3);
    if (is_socket) {
        redis.socket = text;
        return;
    }
    if (const std::size_t at = text.rfind('@'); at != std::string::npos) {
        redis.user = text.substr(0, std::min(text.find(':'), at));
        text.erase(0, at + 1);
    }
    if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
        if (slash + 1 < text.size()) redis.db = text.substr(slash + 1);
        text.resize(slash);
    }
    redis.at = host_and_port(text, redis.at.port);
}

Redis redis_of(const Value& config, const config::Environment& environment) {
    Redis redis;
    redis.socket = text_at(config, "socket");
    const auto given = [&](const char* key) { return text_at(config, key); };
    if (!given("url").empty())
        read_place(redis, given("url"));
    else if (!given("host").empty())
        read_place(redis, given("host"));
    else if (const auto host = environment("REDIS_HOST"); redis.socket.empty() && host && !host->empty())
        read_place(redis, *host);
    if (!given("port").empty()) redis.at.port = given("port");
    if (!given("db").empty()) redis.db = given("db");
    if (!given("username").empty()) redis.user = given("username");
    return redis;
}

// Returns the first value that is set: keys of the connector and their aliases, then environment variables.
std::string first_of(const Value& config, std::initializer_list<const char*> keys,
                     const config::Environment& environment, std::initializer_list<const char*> variables) {
    for (const char* key : keys) {
        if (std::string given = text_at(config, key); !given.empty()) return given;
    }
    for (const char* variable : variables) {
        if (const auto value = environment(variable); value && !value->empty()) return *value;
    }
    return {};
}

// As plugins/kafka/properties.cpp and topics.cpp read it.
void place_kafka(plugins::Kind kind, const std::string& value, const Value& config,
                 const config::Environment& environment, Store& store) {
    const bool reads = kind == plugins::Kind::consumer;
    const std::string brokers =
        first_of(config, {"bootstrap.servers", "metadata.broker.list"}, environment,
                 {reads ? "KAFKA_CONSUMER_BROKERS" : "KAFKA_PRODUCER_BROKERS", "KAFKA_BROKERS"});
    for (std::string broker : listed(brokers.empty() ? "localhost" : brokers)) {
        if (const std::size_t scheme = broker.find("://"); scheme != std::string::npos)
            broker.erase(0, scheme + 3);
        store.hosts.push_back(host_key(host_and_port(broker, "9092")));
    }
    if (!reads) {
        store.queues = {value};
        return;
    }
    store.queues = !value.empty() && value[0] == '^' ? std::vector<std::string>{value} : listed(value);
    store.without = listed(text_at(config, "topic.blacklist"));
    store.group = first_of(config, {"group.id"}, environment, {"KAFKA_CONSUMER_GROUP"});
}

// Matches topics as librdkafka does, with POSIX extended regular expressions.
bool matches(const std::string& pattern, const std::string& topic) {
    regex_t compiled;
    if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
    const bool found = regexec(&compiled, topic.c_str(), 0, nullptr, 0) == 0;
    regfree(&compiled);
    return found;
}

void judge_kafka(plugins::Kind kind, const std::string& name, const Value& config, Store& store) {
    if (kind == plugins::Kind::consumer) {
        std::string reset = text_at(config, "auto.offset.reset");
        if (reset == "latest" || reset == "largest" || reset == "end")
            store.losses.push_back("the group has no committed offset: auto.offset.reset: " + reset +
                                   " skips what waits in `" + name + "`");
        return;
    }
    std::string acks = text_at(config, "acks");
    if (acks.empty()) acks = text_at(config, "request.required.acks");
    const bool all = acks.empty() || acks == "all" || acks == "-1";
    if (acks == "0")
        store.losses.push_back("a broker does not take it: acks: 0 asks nobody whether `" + name +
                               "` has it");
    else if (!all)
        store.losses.push_back("a broker fails: acks: " + acks + " confirms what only " +
                               (acks == "1" ? std::string("one") : acks) + " of `" + name +
                               "`'s replicas has");
    // As plugins/kafka/properties.cpp: idempotent unless it is disabled or fewer acks are configured. Without
    // idempotence one request is in flight unless configured otherwise.
    const std::string idempotence = text_at(config, "enable.idempotence");
    std::string in_flight = text_at(config, "max.in.flight.requests.per.connection");
    if (in_flight.empty()) in_flight = text_at(config, "max.in.flight");
    store.keeps_order =
        in_flight.empty() || in_flight == "1" || (idempotence.empty() ? all : idempotence == "true");
    store.disorder = idempotence.empty() ? "acks: " + acks : "enable.idempotence: " + idempotence;
    store.has_size_limit = true;
}

void place_file(plugins::Kind kind, const QueueConfig& queue, const Value& config,
                const std::string& base_dir, Store& store) {
    const bool reads = kind == plugins::Kind::consumer;
    std::string path = text_at(config, "path");
    if (path.empty()) path = queue.value;
    if (path == "-") {
        store.place = reads ? "standard input" : "standard output";
        if (reads) store.losses.push_back("the process dies: what it had read from standard input is gone");
    } else {
        std::error_code unknown;  // a file that does not exist yet is named by its path
        const auto full = (std::filesystem::path(base_dir) / path).lexically_normal();
        store.place = std::filesystem::weakly_canonical(full, unknown).string();
    }
    store.hosts = {store.place};
    store.queues = {store.place};
    if (!reads && text_at(config, "fsync") == "never")
        store.losses.push_back("the machine dies: `" + queue.name + "` is not synced (fsync: never)");
}

// Host, port and path: what a client of the URL reaches is what a server of the address takes.
void place_http(plugins::Kind kind, const Value& config, Store& store) {
    std::string text = text_at(config, kind == plugins::Kind::consumer ? "listen" : "url");
    std::string path = text_at(config, "path");
    std::string default_port = "80";
    if (kind == plugins::Kind::producer) {
        const std::size_t scheme = text.find("://");
        if (scheme != std::string::npos) {
            if (std::tolower(static_cast<unsigned char>(text[scheme - 1])) == 's') default_port = "443";
            text.erase(0, scheme + 3);
        }
        const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
        path = text.substr(end, text.find_first_of("?#", end) - end);
        text.resize(end);
        text.erase(0, text.rfind('@') + 1);
    } else if (text.empty()) {
        text = "127.0.0.1:8080";
    }
    store.place = host_key(host_and_port(text, default_port)) + (path.empty() ? "/" : path);
    store.hosts = {store.place};
    store.queues = {store.place};
}

}  // namespace

Store store_of(plugins::Kind kind, const QueueConfig& queue, const Config& of, plugins::Catalog& catalog) {
    const std::string& base_dir = of.base_dir;
    Store store;
    store.connector = queue.type;
    const auto found = catalog.find_for_queue(kind, queue, base_dir);
    if (!found) return store;
    const std::string file = std::filesystem::path(found->file).stem().string();
    if (store.connector.empty()) store.connector = file;
    store.flags = found->flags();
    store.is_log = offers(*found->description, VOLLEY_EXT_LOG);
    store.is_atomic = offers(*found->description, VOLLEY_EXT_ATOMIC);
    store.keeps_order = (store.flags & VOLLEY_ORDERED) != 0;
    store.has_keys = (store.flags & VOLLEY_CAN_KEY) != 0 || !queue.key.empty();
    text::JsonText config(plugins::fit_config(*found, queue.config));
    if (!config.tree.IsObject()) config.tree.SetObject();
    const Value& own = config.tree;
    const config::Environment environment = config::environment();
    store.queues = {queue.value};
    if (file == "sqlite") {
        store.place = sqlite_path(own, base_dir);
        std::error_code unknown;  // a file that does not exist yet is named by its path
        store.hosts = {std::filesystem::weakly_canonical(store.place, unknown).string()};
    } else if (file == "rsmq") {
        const Redis redis = redis_of(own, environment);
        const std::string ns = text_at(own, "ns");
        store.place = redis.database();
        store.user = redis.user;
        store.has_size_limit = true;
        store.hosts = {redis.socket.empty() ? host_key(redis.at) + "/" + redis.db : store.place};
        store.queues = {(ns.empty() ? "rsmq" : ns) + ":" + queue.value};
        if (text_at(own, "envelope") == "true") store.has_keys = true;
    } else if (file == "postgresql") {
        const std::string schema = text_at(own, "schema");
        store.place = text_at(own, "dsn") + " " + (schema.empty() ? "volley" : schema);
        store.hosts = {store.place};
    } else if (file == "memory") {
        store.is_memory = true;
        store.hosts = {"memory"};
        store.losses.push_back("the process ends: `" + queue.name + "` is in memory");
        if (kind == plugins::Kind::producer && text_at(own, "discard") == "true")
            store.losses = {"ever one is sent: `" + queue.name + "` discards it"};
    } else if (file == "kafka") {
        place_kafka(kind, queue.value, own, environment, store);
        judge_kafka(kind, queue.name, own, store);
    } else if (file == "file") {
        place_file(kind, queue, own, base_dir, store);
    } else if (file == "http") {
        place_http(kind, own, store);
    } else {
        // An unknown connector: the same library with the same configuration has the same place.
        store.hosts = {found->file + " " + text::as_written(own, &config.digits)};
    }
    for (std::string& host : store.hosts) host.insert(0, file + " ");
    return store;
}

bool reads_from(const Store& reader, const Store& writer) {
    const auto is_shared = [&](const std::string& host) {
        return std::find(writer.hosts.begin(), writer.hosts.end(), host) != writer.hosts.end();
    };
    if (std::none_of(reader.hosts.begin(), reader.hosts.end(), is_shared)) return false;
    const auto is_read = [&](const std::string& written) {
        const auto names = [&](const std::string& read) {
            return read == written || (!read.empty() && read[0] == '^' && matches(read, written));
        };
        return std::any_of(reader.queues.begin(), reader.queues.end(), names) &&
               std::none_of(reader.without.begin(), reader.without.end(),
                            [&](const std::string& pattern) { return matches(pattern, written); });
    };
    return std::any_of(writer.queues.begin(), writer.queues.end(), is_read);
}

}  // namespace volley::check
