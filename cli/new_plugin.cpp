#include "new_plugin.hpp"

#include <algorithm>
#include <csignal>
#include <span>

#include "config/diagnostics.hpp"
#include "init.hpp"
#include "new_folder.hpp"
#include "queue_access.hpp"
#include "templates.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

struct Language {
    std::string_view name;  // its files are in cli/templates/new/NAME
    std::string_view needs;
    std::string_view build;    // shell commands
    std::string_view plugins;  // where they leave the plugin
    std::string_view sources;  // for the README
    std::string_view check;    // before the file's name
};

// The first is the default.
constexpr Language languages[] = {
    {"c++", "CMake 3.25 or later, a compiler for C++17, and an installed Volley",
     "cmake -B build\ncmake --build build", "build", "`@name@.cpp`", "volley-plugin-check"},
    {"c", "CMake 3.25 or later, a compiler for C11, and an installed Volley",
     "cmake -B build\ncmake --build build", "build", "`@name@-consumer.c` and `@name@-producer.c`",
     "volley-plugin-check"},
    {"rust", "Rust 1.77 or later", "cargo build --release", "target/release", "`src/lib.rs`",
     "volley-plugin-check"},
    {"go", "Go 1.21 or later, a C compiler, and an installed Volley",
     "go build -buildmode=c-shared -o build/@name@.so .", "build", "`@name@.go`",
     // A thread that Go's runtime starts looks like a leak.
     "volley-plugin-check --tolerate leaks"},
};

constexpr std::string_view common = "new/project/";

// The examples, which the projects begin with, are named "lines".
std::string renamed(std::string text, std::string_view name) {
    constexpr std::string_view own = "\"lines";
    for (std::size_t at = text.find(own); at != std::string::npos; at = text.find(own, at + own.size()))
        text.replace(at + 1, own.size() - 1, name);
    return text;
}

const Language* find_language(std::string_view name) {
    const auto* found = std::find_if(std::begin(languages), std::end(languages),
                                     [&](const Language& one) { return one.name == name; });
    return found == std::end(languages) ? nullptr : found;
}

}  // namespace

std::vector<std::string> plugin_languages() { return names_of(std::span<const Language>(languages)); }

std::vector<std::string> handler_languages() {
    std::vector<std::string> names = names_of(handler_choices());
    names.erase(std::remove(names.begin(), names.end(), "forward"), names.end());
    return names;
}

std::optional<std::string> why_no_plugin_name(std::string_view name) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz";
    constexpr std::string_view others = "abcdefghijklmnopqrstuvwxyz0123456789_";
    constexpr std::size_t longest = 60;
    if (!name.empty() && name.size() <= longest && letters.find(name.front()) != std::string_view::npos &&
        name.find_first_not_of(others) == std::string_view::npos)
        return std::nullopt;
    return "a connector cannot be named " + config::in_quotes(name) +
           ": use a lower-case letter, then lower-case letters, digits and _, at most 60 in all";
}

std::vector<ProjectFile> plugin_files(std::string_view name, std::string_view language) {
    const Language& chosen = *find_language(language);
    std::vector<Replacement> values{{"name", std::string(name)},
                                    {"needs", std::string(chosen.needs)},
                                    {"plugins", std::string(chosen.plugins)},
                                    {"check", std::string(chosen.check)}};
    values.emplace_back("build", fill(chosen.build, values));
    values.emplace_back("sources", fill(chosen.sources, values));
    const std::string own = "new/" + std::string(language) + "/";
    std::vector<ProjectFile> files;
    for (const Template& one : templates()) {
        const std::string_view folder = one.path.starts_with(own)      ? std::string_view(own)
                                        : one.path.starts_with(common) ? common
                                                                       : std::string_view();
        if (folder.empty()) continue;
        std::string path = fill(one.path.substr(folder.size()), values);
        // With a dot, git would obey it in Volley's own tree.
        if (path == "gitignore") path.insert(0, ".");
        files.push_back({std::move(path), renamed(fill(one.text, values), name)});
    }
    return files;
}

int new_plugin(const New& options) {
    if (find_language(options.language) == nullptr) {
        say(unknown_choice("--lang", options.language, plugin_languages()));
        return exit_usage;
    }
    const std::string name = folder_name(options.folder);
    if (const auto why = why_no_plugin_name(name)) {
        say(*why);
        return exit_usage;
    }
    std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit (ulimit -f) is like a full disk
    if (const auto why = write_folder(options.folder, plugin_files(name, options.language))) {
        say(*why);
        return exit_cannot_create;
    }
    say("a new connector is in " + options.folder + "; its README.md says more\n\n  sh " + options.folder +
        "/test.sh");
    return exit_ok;
}

int new_handler(const New& options) {
    const auto known = handler_languages();
    if (std::find(known.begin(), known.end(), options.language) == known.end()) {
        say(unknown_choice("--lang", options.language, known));
        return exit_usage;
    }
    Init project;
    project.folder = options.folder;
    project.handler = options.language;
    return init(project);
}

}  // namespace volley::cli
