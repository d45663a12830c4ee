#include "plugins/search_path.hpp"

#include <boost/dll/runtime_symbol_info.hpp>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace volley::plugins {

namespace fs = std::filesystem;

namespace {

fs::path absolute_from(const fs::path& base, const fs::path& path) {
    return (path.is_absolute() ? path : base / path).lexically_normal();
}

fs::path working_directory() {
    std::error_code ignored;  // if the working directory was deleted, relative arguments stay relative
    return fs::current_path(ignored);
}

void add_colon_separated(std::string_view list, std::vector<fs::path>& out) {
    while (!list.empty()) {
        const std::size_t colon = list.find(':');
        const std::string_view element = list.substr(0, colon);
        // A relative element would be relative to the working directory.
        if (!element.empty() && element.front() == '/') out.push_back(fs::path(element).lexically_normal());
        list = colon == std::string_view::npos ? std::string_view{} : list.substr(colon + 1);
    }
}

}  // namespace

std::vector<fs::path> search_path(const std::vector<std::string>& command_line, const Config& config) {
    std::vector<fs::path> out;
    for (const std::string& directory : command_line)
        if (!directory.empty()) out.push_back(absolute_from(working_directory(), directory));
    for (const std::string& directory : config.plugin_dirs)
        if (!directory.empty()) out.push_back(absolute_from(config.base_dir, directory));
    if (const char* list = std::getenv("VOLLEY_PLUGIN_PATH")) add_colon_separated(list, out);

    std::error_code unknown;
    const fs::path program = boost::dll::program_location(unknown);
    if (!unknown && program.is_absolute()) {
        const fs::path beside = program.parent_path().parent_path();
        out.push_back(beside / "lib/volley/plugins");
        out.push_back(beside / "plugins");
    }
    // A program in another place that embeds libvolley: finds the plugins that were installed with the
    // library.
    const fs::path library = boost::dll::this_line_location(unknown);
    if (!unknown && library.is_absolute() && library != program) {
        out.push_back(library.parent_path() / "volley/plugins");
        out.push_back(library.parent_path().parent_path() / "volley/plugins");
    }
    return out;
}

}  // namespace volley::plugins
