// What py-volley's files say, in the words of ours: its profiles, its Python classes. Used where a file is
// read, and by `volley migrate`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace volley::config {

struct Profile {
    const char* name;        // "confluent-msgpack-pydantic"
    const char* type;        // "kafka"
    const char* serializer;  // "json", "msgpack" or "none"
    bool any_object;         // its messages were JSON objects
};

const std::vector<Profile>& ancestor_profiles();
// Returns nothing for a name that is no profile of py-volley's.
std::optional<Profile> ancestor_profile(std::string_view name);

// The keys of a queue that only py-volley had.
const std::vector<std::string>& ancestor_keys();
bool is_ancestor_key(std::string_view key);

// "json", "msgpack" or "none" for a serializer of py-volley's, by its class; nothing for another.
std::optional<std::string> ancestor_serializer(std::string_view python_class);

// "kafka" or "rsmq" for a consumer or producer of py-volley's, by its class; nothing for another.
std::optional<std::string> ancestor_connector(std::string_view python_class);

// Was it a model that took any JSON object?
bool is_any_object(std::string_view data_model);

// A dotted name such as my.models.Order: no path, no shared object.
bool is_python_class(std::string_view text);

}  // namespace volley::config
