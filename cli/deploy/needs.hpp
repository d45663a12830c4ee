// What a configuration needs where it runs, read from the file alone: no store is asked, and no value of a
// secret is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/diagnostics.hpp"
#include "deploy/references.hpp"
#include "project.hpp"
#include "volley/config.hpp"

namespace volley::cli::deploy {

// Where the engine answers probes.
struct Probed {
    bool enabled = true;
    bool given = false;     // by operations.listen; else VOLLEY_LISTEN decides
    bool loopback = false;  // nothing outside of the container or the pod reaches it
    std::uint16_t port = 3000;
};

// What lies on the disk of one machine.
struct Disk {
    bool relative = false;              // a store's file is relative to the configuration's folder
    std::vector<std::string> writable;  // absolute folders outside of the state directory
    std::string one_replica;            // why only one process may run; empty: any number may
};

// A trigger of KEDA for one input.
struct Trigger {
    std::string type;
    std::vector<std::pair<std::string, std::string>> metadata;
};

struct Needs {
    std::string name;      // of what is made: a DNS label, from `app`
    std::string file;      // its name, without folders
    std::string text;      // the file, byte for byte
    std::string checksum;  // of the text and the files beside it
    References references;
    Probed probed;
    Disk disk;
    std::int64_t grace_seconds = 45;  // shutdown_timeout, and 15 seconds for the process to end
    std::vector<ProjectFile> beside;  // files that it names, relative to its folder: schemas and scripts
    bool plugins = false;             // it names shared objects that are not part of Volley
    bool interpreter = false;         // a handler runs in Python or Node.js
    std::vector<Trigger> triggers;
    std::vector<std::string> notes;  // what cannot be known from the file, a sentence each
};

struct Read {
    std::optional<Needs> needs;  // nothing if there are errors
    std::vector<config::Diagnostic> diagnostics;
    bool guessed = false;  // variables without a value counted as "1"
};

// Reads the file. A variable that is neither set nor has a default counts as "1", and a secret in a file as
// "x".
Read read_needs(const std::string& path);

}  // namespace volley::cli::deploy
