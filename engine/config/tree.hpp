// A YAML file as a tree that records the position of everything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"
#include "volley/config.hpp"

namespace volley::config {

struct Member;

struct Node {
    enum class Kind : std::uint8_t { null, scalar, mapping, sequence } kind = Kind::null;
    Mark mark;
    std::string scalar;
    int length = 1;               // of the scalar on its first line, as written
    bool quoted = false;          // "…", '…' or a block scalar: always a string
    bool secret = false;          // contains a secret that must never be printed
    std::vector<Member> members;  // mapping: key (a scalar) and value, in order
    std::vector<Node> elements;   // sequence

    // Returns the value of a key, or null.
    const Node* find(std::string_view key) const;
    // Returns the key itself, or null.
    const Node* find_key(std::string_view key) const;
};

struct Member {
    Node first;   // the key
    Node second;  // its value
};

// Reads one YAML document. Errors (syntax, duplicate keys, aliases, size, depth) are added to `diagnostics`.
// The tree then has what could be read, and can be null.
Node read_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics);

}  // namespace volley::config
