#include "init.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>

#include "init_choices.hpp"
#include "new_folder.hpp"
#include "project.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

template <typename Choice>
const Choice* require_choice(std::string_view option, std::span<const Choice> choices,
                             const std::string& given) {
    const Choice* found = find_choice(choices, given);
    if (found == nullptr) say(unknown_choice(option, given, names_of(choices)));
    return found;
}

// As one word for a shell, which no command takes for an option.
std::string quoted_for_shell(const std::string& path) {
    const std::string word = path.front() == '-' ? "./" + path : path;
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    if (word.find_first_not_of(plain) == std::string::npos) return word;
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string next_steps(const Init& options, const HandlerChoice& handler) {
    std::string out = "a new project is in " + options.folder + "; its README.md says more\n\n  cd " +
                      quoted_for_shell(options.folder) + "\n";
    std::string_view build = handler.build;
    while (!build.empty()) {
        const std::string_view line = build.substr(0, build.find('\n'));
        out += "  " + std::string(line) + "\n";
        build.remove_prefix(std::min(line.size() + 1, build.size()));
    }
    return out +
           "  volley send orders --file samples.ndjson\n"
           "  volleyd --config volley.yml --exit-when-idle\n"
           "  volley peek shipments";
}

}  // namespace

int init(const Init& options) {
    if (options.list) {
        std::fputs(list_choices().c_str(), stdout);
        return exit_ok;
    }
    const auto* handler = require_choice("--handler", handler_choices(), options.handler);
    const auto* from = require_choice("--from", connector_choices(), options.from);
    const auto* to = require_choice("--to", connector_choices(), options.to);
    if (handler == nullptr || from == nullptr || to == nullptr) return exit_usage;

    std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit (ulimit -f) is like a full disk
    const auto files = project_files({handler, from, to, app_name(folder_name(options.folder))});
    if (const auto why = write_folder(options.folder, files)) {
        say(*why);
        return exit_cannot_create;
    }
    say(next_steps(options, *handler));
    return exit_ok;
}

}  // namespace volley::cli
