// One mapping of the file, read key by key: each value by its type, each key known to the table or refused.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/bind.hpp"

namespace volley::config {

class Section {
public:
    // `section` is its name in the table of keys; `path` where it stands in Config::origins; `name` what a
    // person calls it ("queue \"in\"", empty: by the section). Refuses unknown keys at once. Borrows all.
    Section(const Node& node, const char* section, std::string path, Config& config, Diagnostics& diagnostics,
            const std::string& name = {});

    // Returns the value of a key that is given and not null, and remembers its place.
    const Node* find(const char* key);

    void text(const char* key, std::string& out);
    void duration(const char* key, Milliseconds& out);
    void size(const char* key, std::uint64_t& out);
    void boolean(const char* key, bool& out);
    void names(const char* key, std::vector<std::string>& out);
    // A mapping as JSON; remembers where each of its keys stands.
    void json(const char* key, std::string& out);

    // Remembers where everything in the value of a key stands, for mistakes that are found later.
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

    // Adds an error if the key is missing or has no value. `help` says what to write.
    void required(const char* key, std::string help);

    // Adds an error: the value of `key` is not `wanted`. It is not shown where it is a secret.
    void wrong(const Node& value, const char* key, const std::string& wanted, std::string help = {},
               const char* code = "V0105");

    // "queue \"in\"", "\"retry\"", or nothing for the file itself.
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
    std::vector<std::string> meant_;  // what unknown keys were taken for
};

}  // namespace volley::config
