#include "testing/fields.hpp"

#include <algorithm>

#include "config/bind.hpp"
#include "text/number.hpp"

namespace volley::cli::testing {

using config::Diagnostics;
using config::Node;

namespace {

const char* kind_of(const Node& node) {
    switch (node.kind) {
        case Node::Kind::mapping:
            return "a mapping";
        case Node::Kind::sequence:
            return "a list";
        case Node::Kind::null:
            return "nothing";
        case Node::Kind::scalar:
            break;
    }
    return "a single value";
}

void refuse(const Node& value, const std::string& text, std::string help, Diagnostics& diagnostics) {
    diagnostics.error("V0105", value.mark, text, std::move(help), value.length);
}

std::string given(const Node& value) {
    return value.kind == Node::Kind::scalar ? config::in_quotes(value.scalar) : kind_of(value);
}

}  // namespace

Fields::Fields(const Node& node, std::string what, const std::vector<std::string>& known,
               Diagnostics& diagnostics)
    : node_(node), what_(std::move(what)), diagnostics_(diagnostics) {
    std::string all;
    for (const std::string& key : known) all += (all.empty() ? "" : ", ") + key;
    if (node.kind != Node::Kind::mapping) {
        refuse(node, what_ + " must be a mapping, not " + kind_of(node), "known keys: " + all, diagnostics_);
        return;
    }
    for (const auto& [key, value] : node.members) {
        if (std::find(known.begin(), known.end(), key.scalar) != known.end()) continue;
        const std::string near = config::nearest(key.scalar, known);
        meant_.push_back(near);
        diagnostics_.error("V0104", key.mark, "unknown key " + config::in_quotes(key.scalar) + " in " + what_,
                           near.empty() ? "known keys: " + all : "did you mean \"" + near + "\"?",
                           key.length);
    }
}

const Node* Fields::find(const char* key) const {
    return node_.kind == Node::Kind::mapping ? node_.find(key) : nullptr;
}

const Node* Fields::value(const char* key) const {
    const Node* const found = find(key);
    return found != nullptr && found->kind != Node::Kind::null ? found : nullptr;
}

std::optional<std::string> Fields::text(const char* key) const {
    const Node* const found = value(key);
    if (found == nullptr) return std::nullopt;
    if (found->kind == Node::Kind::scalar) return found->scalar;
    refuse(*found, "\"" + std::string(key) + "\" must be a text, not " + kind_of(*found), {}, diagnostics_);
    return std::nullopt;
}

std::optional<delivery::Millis> Fields::duration(const char* key) const {
    const Node* const found = value(key);
    return found == nullptr ? std::nullopt : read_duration(*found, key, diagnostics_);
}

std::optional<std::uint32_t> Fields::number(const char* key, std::uint32_t least, std::uint32_t most) const {
    const Node* const found = value(key);
    return found == nullptr ? std::nullopt : read_number(*found, key, least, most, diagnostics_);
}

std::optional<bool> Fields::boolean(const char* key) const {
    const Node* const found = value(key);
    if (found == nullptr) return std::nullopt;
    if (found->scalar == "true" || found->scalar == "false") return found->scalar == "true";
    refuse(*found, "\"" + std::string(key) + "\" must be true or false, not " + given(*found), {},
           diagnostics_);
    return std::nullopt;
}

const std::vector<Node>& Fields::list(const char* key) const {
    static const std::vector<Node> none;
    const Node* const found = value(key);
    if (found == nullptr) return none;
    if (found->kind != Node::Kind::sequence)
        refuse(*found, "\"" + std::string(key) + "\" must be a list, not " + kind_of(*found),
               "begin each element with a dash, or write [a, b]", diagnostics_);
    return found->elements;
}

bool Fields::require(const char* key, const char* help) const {
    if (node_.kind != Node::Kind::mapping || node_.find(key) != nullptr) return true;
    // A misspelt key is reported once, not also as missing.
    if (std::find(meant_.begin(), meant_.end(), key) != meant_.end()) return false;
    diagnostics_.error("V0108", node_.mark, "the key \"" + std::string(key) + "\" is missing in " + what_,
                       help);
    return false;
}

void Fields::wrong(const Node& value, const std::string& text, std::string help) const {
    refuse(value, text, std::move(help), diagnostics_);
}

std::optional<delivery::Millis> read_duration(const Node& value, const std::string& name,
                                              Diagnostics& diagnostics) {
    if (value.kind == Node::Kind::scalar) {
        if (const auto parsed = config::parse_duration(value.scalar)) return *parsed;
    }
    refuse(value, "\"" + name + "\" must be a duration such as 100ms, 30s, 5m or 1h, not " + given(value),
           "a number and one unit: ms, s, m or h", diagnostics);
    return std::nullopt;
}

std::optional<std::uint32_t> read_number(const Node& value, const std::string& name, std::uint32_t least,
                                         std::uint32_t most, Diagnostics& diagnostics) {
    if (value.kind == Node::Kind::scalar) {
        const auto number = text::whole_number(value.scalar);
        if (number && *number >= least && *number <= most) return static_cast<std::uint32_t>(*number);
    }
    refuse(value,
           "\"" + name + "\" must be a whole number from " + std::to_string(least) + " to " +
               std::to_string(most) + ", not " + given(value),
           {}, diagnostics);
    return std::nullopt;
}

}  // namespace volley::cli::testing
