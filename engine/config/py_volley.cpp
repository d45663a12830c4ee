#include "config/py_volley.hpp"

#include <algorithm>

namespace volley::config {

const std::vector<Profile>& py_volley_profiles() {
    static const std::vector<Profile> all = {
        {"confluent", "kafka", "json", true},
        {"confluent-pydantic", "kafka", "json", true},
        {"confluent-orjson-pydantic", "kafka", "json", true},
        {"confluent-msgpack-pydantic", "kafka", "msgpack", true},
        {"confluent-dlq", "kafka", "none", false},
        {"rsmq", "rsmq", "json", true},
        {"rsmq-pydantic", "rsmq", "json", true},
        {"rsmq-orjson-pydantic", "rsmq", "json", true},
        {"rsmq-msgpack-pydantic", "rsmq", "msgpack", true},
        {"rsmq-dlq", "rsmq", "none", false},
    };
    return all;
}

std::optional<Profile> py_volley_profile(std::string_view name) {
    for (const Profile& profile : py_volley_profiles()) {
        if (name == profile.name) return profile;
    }
    return std::nullopt;
}

const std::vector<std::string>& py_volley_keys() {
    static const std::vector<std::string> all = {"profile", "data_model", "model_handler"};
    return all;
}

bool is_py_volley_key(std::string_view key) {
    return std::find(py_volley_keys().begin(), py_volley_keys().end(), key) != py_volley_keys().end();
}

std::optional<std::string> py_volley_serializer(std::string_view python_class) {
    if (python_class == "None") return "none";
    if (python_class.rfind("volley.serializers.", 0) != 0) return std::nullopt;
    const std::string_view name = python_class.substr(python_class.rfind('.') + 1);
    if (name == "MsgPackSerialization") return "msgpack";
    if (name == "JsonSerialization" || name == "OrJsonSerialization") return "json";
    return std::nullopt;
}

std::optional<std::string> py_volley_connector(std::string_view python_class) {
    const auto in = [&](std::string_view module) { return python_class.rfind(module, 0) == 0; };
    if (in("volley.connectors.confluent.") || in("volley.connectors.kafka.")) return "kafka";
    if (in("volley.connectors.rsmq.")) return "rsmq";
    return std::nullopt;
}

bool is_any_object(std::string_view data_model) {
    for (const char* name : {"volley.data_models.ComponentMessage", "volley.data_models.GenericMessage",
                             "volley.models.ComponentMessage"}) {
        if (data_model == name) return true;
    }
    return false;
}

bool is_python_class(std::string_view text) {
    if (text.find('.') == std::string_view::npos || text.find(".so") != std::string_view::npos) return false;
    for (const char* ending : {".json", ".yml", ".yaml"}) {
        const std::string_view end = ending;
        if (text.size() > end.size() && text.substr(text.size() - end.size()) == end) return false;
    }
    bool starts = true;
    for (const char c : text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        const bool digit = c >= '0' && c <= '9';
        if (c == '.' ? starts : !(letter || (digit && !starts))) return false;
        starts = c == '.';
    }
    return !starts;
}

}  // namespace volley::config
