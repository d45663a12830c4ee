// What the values of a configuration refer to: ${NAME}, ${NAME:-default}, ${NAME:?message} and ${file:PATH}.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/tree.hpp"

namespace volley::cli::deploy {

struct Variable {
    std::string name;
    bool required;  // some reference to it has no default
};

struct References {
    std::vector<Variable> variables;      // in order of their first occurrence, each once
    std::vector<std::string> files;       // the paths, as written
    std::vector<std::string> file_texts;  // the expressions as written, "${file:PATH}"
};

// Returns what the values of the tree refer to, defaults of variables included.
References references_of(const config::Node& tree);

// Returns the name of the variable that is the whole value, or nothing.
std::string whole_variable(std::string_view value);

}  // namespace volley::cli::deploy
