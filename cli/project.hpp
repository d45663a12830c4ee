// The files of a new project. Pure: text in, text out.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "init_choices.hpp"

namespace volley::cli {

struct ProjectFile {
    std::string path;  // below the project's folder
    std::string text;
};

// What a project is made of. Borrows the choices.
struct Project {
    const HandlerChoice* handler;
    const ConnectorChoice* from;
    const ConnectorChoice* to;
    std::string app;  // see app_name()
};

// Returns all files, volley.yml first.
std::vector<ProjectFile> project_files(const Project& project);

// Returns a name for the application from that of its folder: letters, digits, - and _ of ASCII, which every
// store accepts in the name of a consumer group. Returns "ship" if nothing is left.
std::string app_name(std::string_view folder);

// A placeholder without its @ signs, and the text that replaces it.
using Replacement = std::pair<std::string_view, std::string>;

// Replaces each @name@ in the text. A line that is only a placeholder goes away if its replacement is empty.
std::string fill(std::string_view text, const std::vector<Replacement>& replacements);

}  // namespace volley::cli
