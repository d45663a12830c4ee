#include "test.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "config/bind.hpp"
#include "config/load.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"
#include "testing/isolation.hpp"
#include "testing/junit.hpp"
#include "testing/test_file.hpp"
#include "testing/watched_files.hpp"
#include "text/escape.hpp"

namespace volley::cli {

namespace {

namespace fs = std::filesystem;
using testing::Result;

constexpr std::chrono::milliseconds look{200};

bool is_test_file(const fs::path& path) { return path.extension() == ".yml" || path.extension() == ".yaml"; }

std::vector<std::string> files_in(const fs::path& folder) {
    std::vector<std::string> out;
    std::error_code error;
    for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
         at.increment(error))
        if (is_test_file(at->path())) out.push_back(at->path().string());
    std::sort(out.begin(), out.end());
    return out;
}

std::vector<std::string> test_files(const Test& options) {
    if (options.files.empty()) return files_in("tests");
    std::vector<std::string> out;
    for (const std::string& file : options.files) {
        std::error_code ignored;
        if (!fs::is_directory(file, ignored)) {
            out.push_back(file);
            continue;
        }
        const auto in_folder = files_in(file);
        out.insert(out.end(), in_folder.begin(), in_folder.end());
    }
    return out;
}

struct Printer {
    bool colours = false;

    // Colours in it are the tool's own; everything from elsewhere is escaped already.
    void text(const std::string& lines) const { std::fwrite(lines.data(), 1, lines.size(), stdout); }

    void result(const Result& result, const std::string& place) const {
        const char* const begin = !colours ? "" : result.has_passed ? "\x1b[32m" : "\x1b[31m";
        const std::string end = colours ? "\x1b[0m" : "";
        std::string name;
        text::append_escaped(name, result.name, result.name.size(), text::Quotes::plain);
        text(begin + std::string(result.has_passed ? "ok  " : "FAIL") + end + "  " + place +
             (result.is_error ? "" : ": " + name) + "\n" + result.report);
        if (!result.has_passed && !result.log.empty()) log(result.log);
        std::fflush(stdout);
    }

    void log(std::string_view lines) const {
        std::string out = "  the log ends with\n";
        while (!lines.empty()) {
            const std::size_t end = std::min(lines.find('\n'), lines.size());
            out += "    ";
            text::append_escaped(out, lines.substr(0, end), end, text::Quotes::plain);
            out += '\n';
            lines.remove_prefix(std::min(end + 1, lines.size()));
        }
        text(out);
    }
};

// Without colours, for a file.
std::string plain(std::string text) {
    for (std::size_t at = 0; (at = text.find("\x1b[", at)) != std::string::npos;)
        text.erase(at, std::min(text.find('m', at), text.size() - 1) + 1 - at);
    return text;
}

void run_file(const std::string& path, const Config& config, const testing::IsolationOptions& options,
              const Printer& printer, std::vector<Result>& results) {
    const testing::TestFile file = testing::read_test_file(path, config);
    if (config::has_errors(file.diagnostics)) {
        Result wrong{path, path, false, true, {}, {}, 0};
        wrong.report = config::render(file.diagnostics, config::Format::text);
        Result shown = wrong;
        shown.report =
            config::render(file.diagnostics, config::Format::text, config::screen_of(STDOUT_FILENO));
        printer.result(shown, path);
        results.push_back(std::move(wrong));
        return;
    }
    for (const testing::TestCase& test : file.tests) {
        const testing::Outcome outcome = testing::run_isolated(test, config, options);
        Result result{path,           test.name,   outcome.has_passed, false,
                      outcome.report, outcome.log, outcome.seconds};
        const std::string place = path + ":" + std::to_string(test.mark.line);
        printer.result(result, place);
        result.report = plain(result.report);
        results.push_back(std::move(result));
    }
}

// Returns false after saying why not.
bool write_junit(const std::string& path, const std::vector<Result>& results) {
    if (path.empty()) return true;
    std::ofstream out(path);
    out << testing::to_junit(results);
    out.close();
    if (out) return true;
    say("cannot write " + path);
    return false;
}

struct Run {
    int code = exit_ok;
    std::optional<Config> config;
};

Run run_all(const Test& options, const std::string& config_file, const testing::IsolationOptions& isolation,
            const std::vector<std::string>& files) {
    auto loaded = config::load_file(config_file, config::environment());
    if (!loaded.config) {
        std::fputs(config::render(loaded.diagnostics, config::Format::text, config::screen_of(STDERR_FILENO))
                       .c_str(),
                   stderr);
        return {exit_config, std::nullopt};
    }
    const Printer printer{isolation.colours};
    std::vector<Result> results;
    for (const std::string& file : files) run_file(file, *loaded.config, isolation, printer, results);
    const auto failed = static_cast<std::size_t>(
        std::count_if(results.begin(), results.end(), [](const Result& r) { return !r.has_passed; }));
    printer.text(std::to_string(results.size() - failed) + " passed, " + std::to_string(failed) +
                 " failed\n");
    std::fflush(stdout);
    if (!write_junit(options.junit, results)) return {exit_cannot_create, std::move(loaded.config)};
    return {failed == 0 ? exit_ok : exit_some_failed, std::move(loaded.config)};
}

void wait_for_change(const Test& options, const std::string& config_file, const Config* config) {
    const auto state = [&] {
        return testing::state_of(testing::watched_files(test_files(options), config_file, config));
    };
    const std::string before = state();
    std::puts("waiting for a change; Ctrl-C ends it");
    std::fflush(stdout);
    while (state() == before) std::this_thread::sleep_for(look);
}

}  // namespace

int test(const Test& options, const std::string& config_file, const std::vector<std::string>& plugin_dirs) {
    const auto timeout = config::parse_duration(options.timeout);
    if (!timeout || timeout->count() <= 0) {
        say("--timeout is not a duration: \"" + options.timeout + "\"; write 60s or 500ms");
        return exit_usage;
    }
    const bool colours = config::screen_of(STDOUT_FILENO).colours;
    const testing::IsolationOptions isolation{plugin_dirs, *timeout, colours};
    for (;;) {
        const auto files = test_files(options);
        if (files.empty()) {
            say("there is no tests/*.yml; name the files of the tests");
            return exit_usage;
        }
        std::vector<std::string> own = files;
        own.push_back(config_file);
        const std::string before = testing::state_of(own);
        const Run run = run_all(options, config_file, isolation, files);
        if (!options.watch) return run.code;
        // Other files are those that handlers write in a test, too.
        if (testing::state_of(own) == before)
            wait_for_change(options, config_file, run.config ? &*run.config : nullptr);
    }
}

}  // namespace volley::cli
