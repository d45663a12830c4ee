// `volley new`: the project of a connector or of a handler.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "project.hpp"

namespace volley::cli {

struct New {
    std::string folder;
    std::string language = "c++";
};

// The languages of `volley new plugin`, and of `volley new handler`.
std::vector<std::string> plugin_languages();
std::vector<std::string> handler_languages();

// Returns why a connector cannot have this name, or nothing. The name is a type in a configuration, part of a
// file's name, and the name of a package in Rust and Go.
std::optional<std::string> why_no_plugin_name(std::string_view name);

// Returns the files of a connector's project. Requires: the name is good, and the language is known.
std::vector<ProjectFile> plugin_files(std::string_view name, std::string_view language);

// Write the projects. Print to standard error. Return the exit code.
int new_plugin(const New& options);
int new_handler(const New& options);

}  // namespace volley::cli
