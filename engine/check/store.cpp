#include "check/store.hpp"

#include <rapidjson/document.h>
#include <regex.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "volley/plugin.h"

namespace volley::check {

namespace {

using rapidjson::Value;

// A value of `config:` as text, whatever its type; empty: not given.
std::string text_at(const Value& config, const char* key) {
    const auto found = config.FindMember(key);
    if (found == config.MemberEnd()) return {};
    if (found->value.IsString()) return found->value.GetString();
    if (found->value.IsBool()) return found->value.GetBool() ? "true" : "false";
    if (found->value.IsInt64()) return std::to_string(found->value.GetInt64());
    return {};
}

bool offers(const volley_class& description, const char* extension) {
    if (description.extensions == nullptr) return false;
    for (const char* const* id = description.extensions; *id != nullptr; ++id) {
        if (std::string_view(*id) == extension) return true;
    }
    return false;
}

std::string sqlite_place(const Value& config, const std::string& base_dir) {
    const std::string path = text_at(config, "path");
    return (std::filesystem::path(base_dir) / (path.empty() ? "volley.db" : path))
        .lexically_normal()
        .string();
}

// host:port/db of a Redis as the file says it. Names are not resolved, so that two names of one Redis are
// two.
std::string redis_place(const Value& config) {
    std::string url = text_at(config, "url");
    const std::string db = text_at(config, "db");
    if (!url.empty()) {
        url.erase(0, url.find("://") == std::string::npos ? 0 : url.find("://") + 3);
        const std::size_t at = url.rfind('@');
        return at == std::string::npos ? url : url.substr(at + 1);
    }
    const std::string host = text_at(config, "host");
    const std::string port = text_at(config, "port");
    const std::string socket = text_at(config, "socket");
    return (socket.empty() ? host + ":" + (port.empty() ? "6379" : port) : socket) + "/" +
           (db.empty() ? "0" : db);
}

std::string redis_user(const Value& config) {
    const std::string url = text_at(config, "url");
    const std::size_t scheme = url.find("://"), at = url.rfind('@');
    if (scheme == std::string::npos || at == std::string::npos) return text_at(config, "username");
    const std::string both = url.substr(scheme + 3, at - scheme - 3);
    return both.substr(0, both.find(':'));
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
    if (acks == "0" || acks == "1")
        store.losses.push_back("a broker fails: acks: " + acks + " confirms what only one of `" + name +
                               "`'s replicas has");
    // As the connector has it (plugins/kafka/properties.cpp): idempotent, unless told not to be, or fewer
    // acks are wanted; then one request at a time, unless told otherwise.
    const std::string idempotence = text_at(config, "enable.idempotence");
    const bool all = acks.empty() || acks == "all" || acks == "-1";
    std::string in_flight = text_at(config, "max.in.flight.requests.per.connection");
    if (in_flight.empty()) in_flight = text_at(config, "max.in.flight");
    store.keeps_order =
        in_flight.empty() || in_flight == "1" || (idempotence.empty() ? all : idempotence == "true");
}

std::string first_of(const Value& config, const char* key, const char* alias) {
    const std::string value = text_at(config, key);
    return value.empty() ? text_at(config, alias) : value;
}

// As librdkafka has it: what begins with ^ is an extended expression.
bool matches(const std::string& pattern, const std::string& topic) {
    regex_t compiled;
    if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
    const bool found = regexec(&compiled, topic.c_str(), 0, nullptr, 0) == 0;
    regfree(&compiled);
    return found;
}

}  // namespace

bool reads_topic(const QueueConfig& input, const QueueConfig& topic) {
    rapidjson::Document from;
    rapidjson::Document to;
    from.Parse<rapidjson::kParseIterativeFlag>(input.config.c_str());
    to.Parse<rapidjson::kParseIterativeFlag>(topic.config.c_str());
    if (!from.IsObject() || !to.IsObject()) return false;
    if (first_of(from, "bootstrap.servers", "metadata.broker.list") !=
        first_of(to, "bootstrap.servers", "metadata.broker.list"))
        return false;
    if (!input.value.empty() && input.value.front() == '^') return matches(input.value, topic.value);
    for (std::size_t begin = 0; begin <= input.value.size();) {
        const std::size_t end = std::min(input.value.find(',', begin), input.value.size());
        std::string one = input.value.substr(begin, end - begin);
        one.erase(0, one.find_first_not_of(' '));
        one.erase(one.find_last_not_of(' ') + 1);
        if (one == topic.value) return true;
        begin = end + 1;
    }
    return false;
}

Store store_of(plugins::Kind kind, const QueueConfig& queue, const Config& config,
               plugins::Catalog& catalog) {
    Store store;
    store.connector = queue.type;
    const auto found = catalog.find_for_queue(kind, queue, config.base_dir);
    if (!found) return store;
    const std::string file = std::filesystem::path(found->file).stem().string();
    if (store.connector.empty()) store.connector = file;
    store.flags = found->flags();
    store.is_log = offers(*found->description, VOLLEY_EXT_LOG);
    store.is_atomic = offers(*found->description, VOLLEY_EXT_ATOMIC);
    store.keeps_order = (store.flags & VOLLEY_ORDERED) != 0;
    store.has_keys = (store.flags & VOLLEY_CAN_KEY) != 0 || !queue.key.empty();
    rapidjson::Document own;
    own.Parse<rapidjson::kParseIterativeFlag>(queue.config.c_str());
    if (!own.IsObject()) own.SetObject();
    if (file == "sqlite") {
        store.place = sqlite_place(own, config.base_dir);
    } else if (file == "rsmq") {
        store.place = redis_place(own);
        store.user = redis_user(own);
        if (text_at(own, "envelope") == "true") store.has_keys = true;
    } else if (file == "memory") {
        store.is_memory = true;
        store.losses.push_back("the process ends: `" + queue.name + "` is in memory");
        if (kind == plugins::Kind::producer && text_at(own, "discard") == "true")
            store.losses = {"ever one is sent: `" + queue.name + "` discards it"};
    } else if (file == "kafka") {
        judge_kafka(kind, queue.name, own, store);
    }
    return store;
}

}  // namespace volley::check
