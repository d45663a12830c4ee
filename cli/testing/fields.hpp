// Reads the values of a mapping in a test file, and reports what is wrong with them as the configuration's
// reader does: with file, line, column and advice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/tree.hpp"
#include "delivery/types.hpp"

namespace volley::cli::testing {

class Fields {
public:
    // `what` is the mapping's name in messages: "a message of \"given\"". Reports keys that are not `known`,
    // and a node that is not a mapping; then nothing is found in it. Borrows the node and the diagnostics.
    Fields(const config::Node& node, std::string what, const std::vector<std::string>& known,
           config::Diagnostics& diagnostics);

    // The value, also if it is null. Null: the key is not given.
    const config::Node* find(const char* key) const;
    // The value, if it is given and not null.
    const config::Node* value(const char* key) const;
    // Each returns nothing if the key is not given, or is wrong, which is reported.
    std::optional<std::string> text(const char* key) const;
    std::optional<delivery::Millis> duration(const char* key) const;
    std::optional<std::uint32_t> number(const char* key, std::uint32_t least, std::uint32_t most) const;
    std::optional<bool> boolean(const char* key) const;
    // The elements of a list; none if it is not given, or is no list.
    const std::vector<config::Node>& list(const char* key) const;
    // Reports a key that is missing. Returns whether it is there.
    bool require(const char* key, const char* help) const;

    void wrong(const config::Node& value, const std::string& text, std::string help = {}) const;

private:
    const config::Node& node_;
    std::string what_;
    std::vector<std::string> meant_;  // the keys that unknown keys were probably meant to be
    config::Diagnostics& diagnostics_;
};

// As Fields::duration and number, of a value itself.
std::optional<delivery::Millis> read_duration(const config::Node& value, const std::string& name,
                                              config::Diagnostics& diagnostics);
std::optional<std::uint32_t> read_number(const config::Node& value, const std::string& name,
                                         std::uint32_t least, std::uint32_t most,
                                         config::Diagnostics& diagnostics);

}  // namespace volley::cli::testing
