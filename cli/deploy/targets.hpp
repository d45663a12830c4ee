// The files that run a configuration somewhere. Pure: needs in, texts out.
#pragma once

#include <string>
#include <vector>

#include "deploy/needs.hpp"
#include "project.hpp"

namespace volley::cli::deploy {

struct Target {
    std::string
        image;  // empty: that of this version of Volley, with Python and Node.js if a handler needs them
    bool keda = false;  // also a ScaledObject
};

// Returns the files; the first is what standard output gets.
std::vector<ProjectFile> kubernetes(const Needs& needs, const Target& target);
std::vector<ProjectFile> compose(const Needs& needs, const Target& target);
std::vector<ProjectFile> systemd(const Needs& needs, const Target& target);

// The parts that the targets share.
std::string_view template_text(std::string_view path);  // below deploy/; it must exist
std::string image_of(const Needs& needs, const Target& target);
// A name for the file where names have no folders: the key in a ConfigMap, a secret of Compose.
std::string object_key(std::string path);
std::string notes_as_comments(const Needs& needs);

// The folder that the configuration is in. A store's file that is relative to it must be in one that can be
// written.
std::string container_folder(const Needs& needs);

}  // namespace volley::cli::deploy
