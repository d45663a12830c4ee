// The files under cli/templates, as they were when the program was built.
#pragma once

#include <span>
#include <string_view>

namespace volley::cli {

struct Template {
    std::string_view path;  // below cli/templates
    std::string_view text;
};

// Returns all, sorted by path. Defined in a file that cmake/embed.cmake writes.
std::span<const Template> templates();

}  // namespace volley::cli
