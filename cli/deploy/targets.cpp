#include "deploy/targets.hpp"

#include <algorithm>

#include "templates.hpp"

namespace volley::cli::deploy {

std::string_view template_text(std::string_view path) {
    for (const Template& one : templates())
        if (one.path.rfind("deploy/", 0) == 0 && one.path.substr(7) == path) return one.text;
    return {};
}

std::string image_of(const Needs& needs, const Target& target) {
    if (!target.image.empty()) return target.image;
    return std::string("volley:") + (needs.interpreter ? "python" : VOLLEY_VERSION);
}

std::string object_key(std::string path) {
    std::replace_if(
        path.begin(), path.end(),
        [](char c) {
            return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.');
        },
        '_');
    return path;
}

std::string notes_as_comments(const Needs& needs) {
    std::string out;
    for (const std::string& note : needs.notes) out += (out.empty() ? "# Note: " : "\n# Note: ") + note + ".";
    return out;
}

std::string container_folder(const Needs& needs) {
    return needs.disk.relative ? "/var/lib/volley" : "/etc/volley";
}

}  // namespace volley::cli::deploy
