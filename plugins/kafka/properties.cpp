#include "properties.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <sstream>
#include <vector>

#include "topics.hpp"

namespace volley::kafka {

namespace {

std::string as_text(const rapidjson::Value& value) {
    if (value.IsString()) return {value.GetString(), value.GetStringLength()};
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

[[noreturn]] void refuse(const std::string& key, const std::string& why) {
    throw Error(ErrorCode::config, "kafka: " + why, key.empty() ? "" : "/" + key);
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// True for entries of librdkafka's property table that only code can set.
bool is_callback(const std::string& key) {
    return key == "interceptors" || key == "opaque" || key == "default_topic_conf" ||
           (key.size() > 3 && key.compare(key.size() - 3, 3, "_cb") == 0);
}

// Rejects values that would break a guarantee of Volley. Accepts values that change nothing.
void check_allowed(const std::string& key, const std::string& value) {
    const bool off = value == "false" || value == "f" || value == "0";
    if ((key == "enable.auto.commit" || key == "enable.auto.offset.store") && !off) {
        refuse(key, key + " must be false: Volley commits an offset only when everything before it is done");
    }
    if (key == "plugin.library.paths" && !value.empty())
        refuse(key, "plugin.library.paths loads code into the engine: it is refused");
    if (key == "transactional.id" && !value.empty())
        refuse(key, "transactional.id is refused: Volley does not use Kafka's transactions");
    if (is_callback(key) && !value.empty()) {
        refuse(key, key + " is a callback of librdkafka and cannot be set in a file");
    }
}

std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

// Returns the most similar property name. librdkafka's own table has all names in its first column, aliases
// included.
std::string nearest(const std::string& key) {
    char* table = nullptr;
    std::size_t size = 0;
    std::FILE* stream = open_memstream(&table, &size);
    if (stream == nullptr) return {};
    rd_kafka_conf_properties_show(stream);
    std::fclose(stream);
    std::istringstream lines(std::string(table, size));
    std::free(table);
    std::string best;
    std::size_t least = std::max<std::size_t>(3, key.size() / 3);
    for (std::string line; std::getline(lines, line);) {
        const std::string name = line.substr(0, line.find_first_of(" |"));
        const std::size_t d = name.empty() ? least : distance(key, name);
        if (d < least) {
            least = d;
            best = name;
        }
    }
    return best;
}

// A broker accepts 1 to 249 of these characters, except "." and "..".
void check_topic(const std::string& name) {
    constexpr std::size_t longest = 249;
    const bool is_legal = name != "." && name != ".." && name.size() <= longest &&
                          std::all_of(name.begin(), name.end(), [](unsigned char c) {
                              return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                                     (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
                          });
    if (is_legal) return;
    refuse("", "no topic can be named \"" + name +
                   "\": a name has up to 249 of the characters a-z, A-Z, 0-9, \".\", \"_\" and \"-\". "
                   "Correct the queue's value");
}

void check_value(const std::string& value, Role role) {
    if (role == Role::producer) return check_topic(value);
    const std::vector<std::string> topics = topics_of(value);
    if (topics.empty()) refuse("", "the queue has no topic");
    if (is_pattern(value)) return check_pattern(value);
    for (const std::string& topic : topics) check_topic(topic);
}

// Returns the key of the file that librdkafka's error text names first.
std::string named_in(const std::string& text, const rapidjson::Value& config) {
    std::size_t first = text.size();
    std::string best;
    for (const auto& member : config.GetObject()) {
        const std::size_t at = text.find(member.name.GetString());
        if (at < first) {
            first = at;
            best = member.name.GetString();
        }
    }
    return best;
}

// Finds the errors that librdkafka reports only for the whole configuration: properties that exclude each
// other, missing files. Without brokers, the client connects nowhere.
void check_together(Properties p, Role role, const rapidjson::Value& config) {
    p.erase("bootstrap.servers");
    p.erase("metadata.broker.list");
    p["log_level"] = "0";
    Conf conf = make_conf(p);
    char why[512];
    rd_kafka_t* rk = rd_kafka_new(role == Role::consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf.get(),
                                  why, sizeof why);
    if (rk == nullptr) {
        const std::string key = named_in(why, config);
        // OpenSSL's error does not say that a file is missing.
        const bool unreadable =
            key.find(".location") != std::string::npos && access(p[key].c_str(), R_OK) != 0;
        refuse(key, std::string(why) + (unreadable ? " (" + p[key] + ": " + std::strerror(errno) + ")" : ""));
    }
    static_cast<void>(conf.release());
    rd_kafka_destroy(rk);
}

void add_environment(Properties& p, Role role) {
    std::string brokers =
        environment(role == Role::consumer ? "KAFKA_CONSUMER_BROKERS" : "KAFKA_PRODUCER_BROKERS");
    if (brokers.empty()) brokers = environment("KAFKA_BROKERS");
    if (!brokers.empty()) p["bootstrap.servers"] = brokers;
    const std::string group = environment("KAFKA_CONSUMER_GROUP");
    if (!group.empty() && role == Role::consumer) p["group.id"] = group;
    const std::string key = environment("KAFKA_KEY");
    const std::string secret = environment("KAFKA_SECRET");
    if (key.empty() || secret.empty()) return;
    p["security.protocol"] = "SASL_SSL";
    p["sasl.mechanisms"] = "PLAIN";
    p["sasl.username"] = key;
    p["sasl.password"] = secret;
}

Properties defaults(const Context& context, Role role) {
    // Debian's 2.0.2 leaves Nagle's algorithm on, which costs 40 ms.
    Properties p{
        {"socket.nagle.disable", "true"}, {"client.id", context.app()}, {"statistics.interval.ms", "2000"}};
    if (role == Role::consumer) {
        p["group.id"] = context.app() + "." + context.component();
        p["auto.offset.reset"] = "earliest";
        p["session.timeout.ms"] = "10000";
        p["heartbeat.interval.ms"] = "3000";
        // Before 2.10, bugs of the cooperative assignor stall or duplicate messages (librdkafka #4783,
        // #4059).
        constexpr int cooperative_is_sound = 0x020a0000;
        p["partition.assignment.strategy"] =
            rd_kafka_version() >= cooperative_is_sound ? "cooperative-sticky" : "range,roundrobin";
        p["enable.auto.commit"] = "false";
        p["enable.auto.offset.store"] = "false";
        if (rd_kafka_version() >= has_fetch_backoff) p["fetch.queue.backoff.ms"] = "10";
    } else {
        p["enable.idempotence"] = "true";
        // Records are sent long before that; see pacing.hpp.
        p["linger.ms"] = "1000";
        // librdkafka's default is twice linger.ms, which is right only for a value set by the user.
        if (!sets_linger(context)) p["sticky.partitioning.linger.ms"] = "10";
        // The broker enforces the limit; librdkafka's default is lower than a broker's. This is also the size
        // of a request's buffer, so it is large only for dead letters, which are few.
        p["message.max.bytes"] = context.for_dead_letters() ? "1000000000" : "1048588";
    }
    return p;
}

// librdkafka rejects a linger.ms that is longer than a message's timeout.
void fit_linger(Properties& p) {
    const std::int64_t timeout =
        number_of(p, "message.timeout.ms", number_of(p, "delivery.timeout.ms", std::int64_t{300'000}));
    if (timeout > 0 && timeout <= number_of(p, "linger.ms", 0))
        p["linger.ms"] = timeout > 1 ? std::to_string(timeout / 2) : "0.5";
}

// Without idempotence a retry can reorder messages, and the engine then sends a key's next message only after
// the confirmation of the previous one. One request at a time keeps the order at nearly full speed.
void keep_order(Properties& p, const rapidjson::Value& config) {
    if (is_on(p, "enable.idempotence")) return;
    for (const char* key : {"max.in.flight.requests.per.connection", "max.in.flight"}) {
        if (config.HasMember(key)) return;
    }
    p["max.in.flight.requests.per.connection"] = "1";
}

}  // namespace

Properties read_properties(const Context& context, Role role) {
    Properties p = defaults(context, role);
    add_environment(p, role);
    rapidjson::Document config;
    config.Parse(context.config_json().c_str(), context.config_json().size());
    if (!config.IsObject()) refuse("", "config must be a mapping of librdkafka's properties");
    for (const auto& member : config.GetObject()) {
        const std::string key = member.name.GetString();
        const std::string value = as_text(member.value);
        check_allowed(key, value);
        if (is_callback(key)) continue;  // an empty value sets nothing
        p[key] = value;
    }
    // librdkafka rejects fewer acks, or more requests in flight, together with idempotence. The user's acks
    // take precedence.
    const bool asked = config.HasMember("enable.idempotence");
    for (const char* key : {"acks", "request.required.acks"}) {
        if (!asked && config.HasMember(key) && p[key] != "all" && p[key] != "-1" && role == Role::producer) {
            p["enable.idempotence"] = "false";
            context.warning("acks below all: a confirmed message can be lost with its broker");
        }
    }
    if (role == Role::producer) keep_order(p, config);
    if (role == Role::producer && !sets_linger(context)) fit_linger(p);
    // Offsets alone do not show whether anything is left to read at the end of a partition.
    if (role == Role::consumer) p["enable.partition.eof"] = "true";
    if (p.find("bootstrap.servers") == p.end() && p.find("metadata.broker.list") == p.end() &&
        p.find("test.mock.num.brokers") == p.end()) {
        p["bootstrap.servers"] = "localhost:9092";
    }
    if (context.value().empty()) refuse("", "the queue has no topic");
    check_value(context.value(), role);
    check_together(p, role, config);
    return p;
}

bool sets_linger(const Context& context) {
    rapidjson::Document config;
    config.Parse(context.config_json().c_str(), context.config_json().size());
    return config.HasMember("linger.ms") || config.HasMember("queue.buffering.max.ms");
}

std::int64_t number_of(const Properties& properties, const char* key, std::int64_t fallback) {
    const auto found = properties.find(key);
    return found == properties.end() ? fallback : std::strtoll(found->second.c_str(), nullptr, 10);
}

std::size_t limit_of(const Properties& properties, const char* key, std::int64_t fallback) {
    const std::int64_t number = number_of(properties, key, fallback);
    return number > 0 ? static_cast<std::size_t>(number) : std::numeric_limits<std::size_t>::max();
}

bool is_on(const Properties& properties, const char* key) {
    const auto found = properties.find(key);
    return found != properties.end() &&
           (found->second == "true" || found->second == "t" || found->second == "1");
}

Conf make_conf(const Properties& properties) {
    Conf conf(rd_kafka_conf_new());
    for (const auto& [key, value] : properties) {
        char why[256];
        switch (rd_kafka_conf_set(conf.get(), key.c_str(), value.c_str(), why, sizeof why)) {
            case RD_KAFKA_CONF_OK:
                break;
            case RD_KAFKA_CONF_UNKNOWN: {
                const std::string near = nearest(key);
                refuse(key, "librdkafka has no property \"" + key + "\"" +
                                (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
            }
            case RD_KAFKA_CONF_INVALID:
                refuse(key, why);
        }
    }
    return conf;
}

}  // namespace volley::kafka
