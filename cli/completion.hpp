// `volley completion SHELL`: a script for the shell, made from the parser's own verbs and options. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace volley::cli {

// `shell` is bash, zsh or fish.
std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace volley::cli
