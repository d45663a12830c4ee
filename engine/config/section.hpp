// Reads one mapping of the file, key by key. Each value has the type of its key, and unknown keys are errors.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/bind.hpp"

namespace volley::config {

class Section {
public:
    // `section` is its name in the table of keys, `path` its path in Config::origins, and `name` its name in
    // messages ("queue \"in\""; empty: derived from the section). Adds errors for unknown keys. Borrows all
    // arguments.
    Section(const Node& node, const char* section, std::string path, Config& config, Diagnostics& diagnostics,
            const std::string& name = {});

    // Returns the value of a key if it is given and not null, and records its position.
    const Node* find(const char* key);

    void text(const char* key, std::string& out);
    void duration(const char* key, Milliseconds& out);
    void size(const char* key, std::uint64_t& out);
    void boolean(const char* key, bool& out);
    void names(const char* key, std::vector<std::string>& out);
    // Returns a mapping from name to text, as it is written: numbers keep their digits. A null value is left
    // out.
    void texts(const char* key, std::map<std::string, std::string>& out);
    // Returns a mapping as JSON, and records the position of each of its keys.
    void json(const char* key, std::string& out);

    // Records the position of everything in the value of a key, for errors that are found later.
    void remember_places(const char* key);

    template <typename Number>
    void number(const char* key, Number& out, std::uint64_t least, std::uint64_t most) {
        if (const auto value = whole_number(key, least, most)) out = static_cast<Number>(*value);
    }

    template <typename Enum>
    void choice(const char* key, Enum& out, const std::vector<std::pair<std::string, Enum>>& choices) {
        const Node* value = scalar(key);
        if (value == nullptr) return;
        std::vector<std::string> known;
        for (const auto& [name, chosen] : choices) {
            if (name == value->scalar) {
                out = chosen;
                return;
            }
            known.push_back(name);
        }
        not_one_of(*value, key, known);
    }

    // Adds an error if the key is missing or has no value. `help` is the advice.
    void required(const char* key, std::string help);

    // Adds an error: the value of `key` must be `wanted`. Does not print the value if it is a secret.
    void wrong(const Node& value, const char* key, const std::string& wanted, std::string help = {},
               const char* code = "V0105");

    // "queue \"in\"", "\"retry\"", or empty for the top level.
    const std::string& name() const { return name_; }

private:
    const Node* scalar(const char* key);
    std::optional<std::uint64_t> whole_number(const char* key, std::uint64_t least, std::uint64_t most);
    void not_one_of(const Node& value, const char* key, const std::vector<std::string>& known);
    void check_keys();
    void refuse_key(const Node& key, const std::vector<std::string>& known);
    void refuse_template(const Node& value);
    void remember(const Node& node, const std::string& path);

    const Node& node_;
    std::string section_;
    std::string path_;
    Config& config_;
    Diagnostics& diagnostics_;
    std::string name_;
    std::vector<std::string> meant_;  // the keys that unknown keys were probably meant to be
};

}  // namespace volley::config
