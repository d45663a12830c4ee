// A YAML file as a tree that remembers where everything stood.
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
    int length = 1;               // of the scalar on its first line, as it stands there
    bool quoted = false;          // "…", '…' or a block: a string, whatever it looks like
    bool secret = false;          // it holds what must never be printed
    std::vector<Member> members;  // mapping: key (a scalar) and value, in order
    std::vector<Node> elements;   // sequence

    // Returns the value of a key, or null.
    const Node* find(std::string_view key) const;
    // Returns the key itself as it stands in the file, or null.
    const Node* find_key(std::string_view key) const;
};

struct Member {
    Node first;   // the key
    Node second;  // its value
};

// Reads one YAML document. Mistakes (syntax, duplicate keys, aliases, size, depth) are added to
// `diagnostics`; the tree is then what could be read, possibly null.
Node read_yaml(const std::string& text, const std::string& file, Diagnostics& diagnostics);

}  // namespace volley::config
