// Translates the profiles, keys and Python classes of py-volley's configuration files. Used when a file is
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

const std::vector<Profile>& py_volley_profiles();
// Returns nothing if py-volley has no profile of this name.
std::optional<Profile> py_volley_profile(std::string_view name);

// The keys of a queue that exist only in py-volley's files.
const std::vector<std::string>& py_volley_keys();
bool is_py_volley_key(std::string_view key);

// Returns "json", "msgpack" or "none" for the class of one of py-volley's serializers; otherwise nothing.
std::optional<std::string> py_volley_serializer(std::string_view python_class);

// Returns "kafka" or "rsmq" for the class of one of py-volley's consumers or producers; otherwise nothing.
std::optional<std::string> py_volley_connector(std::string_view python_class);

// Whether the model accepted any JSON object.
bool is_any_object(std::string_view data_model);

// Whether it is a dotted name such as my.models.Order, and not a path of a shared object.
bool is_python_class(std::string_view text);

}  // namespace volley::config
