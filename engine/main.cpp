// volleyd: arguments, signals, exit codes. Everything else is the library's.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "check/check.hpp"
#include "check/effective.hpp"
#include "check/guarantees.hpp"
#include "config/load.hpp"
#include "handlers/child.hpp"
#include "init.hpp"
#include "log/log.hpp"
#include "log/output.hpp"
#include "log/standard_streams.hpp"
#include "operations/service_notifier.hpp"
#include "plugins/search_path.hpp"
#include "volley/engine.hpp"

namespace {

constexpr int exit_usage = 64;
constexpr int exit_unavailable = 69;
constexpr int exit_internal = 70;
constexpr int exit_output = 74;
constexpr int exit_again = 75;
constexpr int exit_config = 78;
// For the log, when the process ends at once.
constexpr std::chrono::milliseconds last_words{200};

struct Arguments {
    std::string file = "volley.yml";
    std::vector<std::string> plugin_dirs;
    bool check = false;
    bool guarantees = false;
    bool print_config = false;
    bool list_plugins = false;
    bool config_schema = false;
    bool exit_when_idle = false;
    bool watch = false;
    std::string format = "text";
};

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, number);
    return set;
}

// Blocks the signals that Signals hears in this thread and all that it starts, from the first line of main
// on: one that comes early is heard as soon as there is something to stop.
class BlockedSignals {
public:
    BlockedSignals() {
        const sigset_t set = handled_signals();
        pthread_sigmask(SIG_BLOCK, &set, &before_);
    }
    // For commands that do their work and end: a signal ends them, too.
    void unblock() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

// coreutils' timeout signals a process, and then the process group of both.
constexpr std::chrono::milliseconds same_request{200};

// Recognizes a signal that a tool sends more than once for one request: the same one, from the same process.
class StopRequest {
public:
    void note(const siginfo_t& info) {
        first_ = info;
        at_ = std::chrono::steady_clock::now();
    }
    bool is_same(const siginfo_t& info) const {
        return info.si_code == SI_USER && first_.si_code == SI_USER && info.si_signo == first_.si_signo &&
               info.si_pid == first_.si_pid && std::chrono::steady_clock::now() - at_ < same_request;
    }

private:
    siginfo_t first_{};
    std::chrono::steady_clock::time_point at_;
};

// The first SIGTERM or SIGINT drains; the second ends the process at once, acking nothing more. Requires:
// they are blocked. Nothing here waits for the log or for the engine before the engine is told.
class Signals {
public:
    Signals() {
        std::signal(SIGPIPE, SIG_IGN);
        std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit (ulimit -f) is like a full disk
        thread_ = std::thread([this] { watch(); });
    }

    ~Signals() {
        ended_.store(true);
        pthread_kill(thread_.native_handle(), SIGUSR1);
        thread_.join();
    }

    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // What came before there was an engine is done now.
    void attach(volley::Engine* engine) {
        const std::lock_guard lock(mutex_);
        engine_ = engine;
        if (engine_ == nullptr) return;
        if (stopping_) engine_->stop();
        if (reload_) engine_->reload();
    }

private:
    void watch() {
        const sigset_t set = handled_signals();
        for (;;) {
            siginfo_t info{};
            const int number = sigwaitinfo(&set, &info);
            if (number < 0) continue;  // interrupted by a debugger
            if (ended_.load()) return;
            if (number == SIGUSR1) continue;  // a stranger's
            const std::lock_guard lock(mutex_);
            if (number == SIGHUP) {
                reload_ = true;
                if (engine_ != nullptr && !stopping_) engine_->reload();
            } else if (!stopping_) {
                stopping_ = true;
                stop_request_.note(info);
                if (engine_ != nullptr) engine_->stop();
                volley::log::info("draining; a second signal stops at once");
            } else if (!stop_request_.is_same(info)) {
                if (engine_ != nullptr) engine_->cut_off();
                volley::log::show_status({});
                volley::log::warning(
                    "second signal: stopping at once; what is unfinished is delivered again");
                volley::log::flush(last_words);
                volley::handlers::kill_children();
                std::_Exit(exit_again);
            }
        }
    }

    std::mutex mutex_;
    volley::Engine* engine_ = nullptr;
    bool stopping_ = false;
    StopRequest stop_request_;
    bool reload_ = false;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

int run(const Arguments& arguments) {
    const volley::ServiceManager service_manager =
        volley::operations::take_service_manager_from_environment();
    std::optional<Signals> signals;
    try {
        signals.emplace();
    } catch (const std::system_error& error) {
        volley::log::print(std::string("volleyd: no thread for signals: ") + error.what() +
                           "\nNothing was started.\n");
        return exit_unavailable;
    }
    volley::EngineOptions options;
    options.file = arguments.file;
    options.plugin_dirs = arguments.plugin_dirs;
    options.exit_when_idle = arguments.exit_when_idle;
    options.watch = arguments.watch;
    options.status_line = true;
    options.service_manager = service_manager;
    auto engine = volley::Engine::make(std::move(options));
    if (!engine) {
        volley::log::print(engine.error().text + "Nothing was started.\n");
        return exit_config;
    }
    signals->attach(engine->get());
    const int code = (*engine)->run();
    signals->attach(nullptr);
    // A handler that hangs still uses the engine; and past the deadline no client is waited for that cannot
    // be taken apart while its broker is silent.
    if ((*engine)->hung() || code == exit_again) {
        volley::log::flush();
        volley::handlers::kill_children();
        std::_Exit(code);
    }
    return code;
}

// An exception that nobody catches. What the log still holds is what led here.
[[noreturn]] void end_badly() {
    try {
        if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
        volley::log::error("internal error; the process ends", {{"cause", error.what()}});
    } catch (...) {
        volley::log::error("internal error; the process ends");
    }
    volley::log::flush(last_words);
    std::abort();
}

int check(const Arguments& arguments) {
    const auto format = arguments.format == "json"     ? volley::config::Format::json
                        : arguments.format == "github" ? volley::config::Format::github
                                                       : volley::config::Format::text;
    const auto result =
        volley::check::check_file(arguments.file, arguments.plugin_dirs, volley::config::environment());
    const bool for_people = format == volley::config::Format::text;
    const std::string text =
        volley::config::render(result.diagnostics, format, volley::config::screen_of(STDERR_FILENO));
    volley::log::flush();  // what connectors have logged comes first
    std::fputs(text.c_str(), for_people ? stderr : stdout);
    if (!result.config) return exit_config;
    if (arguments.print_config) {
        volley::plugins::Catalog catalog(volley::plugins::search_path(arguments.plugin_dirs, *result.config));
        const auto shown = volley::check::effective(*result.config, catalog, volley::config::environment());
        std::fputs(volley::config::print(shown).c_str(), stdout);
    }
    if (arguments.guarantees) {
        volley::plugins::Catalog catalog(volley::plugins::search_path(arguments.plugin_dirs, *result.config));
        const auto promised = volley::check::guarantees(*result.config, catalog);
        std::fputs(volley::check::render(promised).c_str(), stdout);
    } else if (arguments.check && for_people)
        std::printf("%s: ok\n", arguments.file.c_str());
    return 0;
}

int list_plugins(const Arguments& arguments) {
    volley::Config config;
    volley::plugins::Catalog catalog(volley::plugins::search_path(arguments.plugin_dirs, config));
    std::fputs(volley::check::render_plugins(catalog).c_str(), stdout);
    return 0;
}

// With what every installed connector says of its own keys.
std::string config_schema(const Arguments& arguments) {
    volley::Config config;
    volley::plugins::Catalog catalog(volley::plugins::search_path(arguments.plugin_dirs, config));
    std::vector<volley::config::ConnectorSchema> connectors;
    for (const volley::plugins::Listing& listing : catalog.list()) {
        if (!listing.error.empty() || listing.shadowed) continue;
        volley::config::ConnectorSchema connector{std::filesystem::path(listing.file).stem().string(), {}};
        for (const volley::plugins::PluginClass& one : listing.classes) {
            const bool of_a_queue = one.description->kind != VOLLEY_KIND_HANDLER;
            if (!of_a_queue) continue;
            const char* schema = one.description->config_schema;
            const std::string text = schema != nullptr ? schema : "{}";
            auto& all = connector.schemas;
            if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
        }
        if (!connector.schemas.empty()) connectors.push_back(std::move(connector));
    }
    return volley::config::json_schema(connectors);
}

}  // namespace

int main(int argc, char** argv) {
    BlockedSignals blocked;
    if (!volley::log::open_standard_streams()) return exit_internal;
    std::signal(SIGCHLD, SIG_DFL);  // one that was ignored hides how children end
    volley::leave_process_1();
    Arguments arguments;
    CLI::App app{
        "Volley runs queue workers: volleyd consumes, calls your handler, produces, and acks only what is "
        "safe.\n\n"
        "  volleyd --config volley.yml            run until SIGTERM or SIGINT\n"
        "  volleyd --config volley.yml --check    find every mistake, connect to nothing\n"};
    app.set_version_flag("--version", std::string("volleyd ") + VOLLEY_VERSION);
    app.add_option("-c,--config", arguments.file, "The configuration file")->capture_default_str();
    app.add_option("--plugin-dir", arguments.plugin_dirs, "Look here for plugins first; may be repeated")
        ->allow_extra_args(false);
    app.add_flag("--check", arguments.check, "Check the configuration and exit: 0 or 78");
    app.add_flag("--guarantees", arguments.guarantees, "With --check: print what each component promises");
    app.add_option("--format", arguments.format, "Of the mistakes found by --check")
        ->check(CLI::IsMember({"text", "json", "github"}))
        ->capture_default_str();
    app.add_flag("--print-config", arguments.print_config,
                 "Print the effective configuration and where each value is from; secrets are masked");
    app.add_flag("--config-schema", arguments.config_schema,
                 "Print the JSON Schema of the configuration, for editors");
    app.add_flag("--list-plugins", arguments.list_plugins, "Print the plugins that are found");
    app.add_flag("--watch", arguments.watch,
                 "For development: reload when the file changes, restart handlers whose programs change");
    app.add_flag("--exit-when-idle", arguments.exit_when_idle, "Drain and exit once every input is empty");
    app.footer(
        "Exit codes: 0 clean, 64 usage, 65 stopped at a message (on_fail: stop), 69 a dependency was "
        "unavailable at the\n"
        "start, 70 internal error, 74 standard output cannot be written, 75 the drain deadline passed,\n"
        "77 not authorised, 78 configuration, 79 fenced.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : exit_usage;
    }
    const bool runs = !arguments.list_plugins && !arguments.config_schema && !arguments.check &&
                      !arguments.guarantees && !arguments.print_config;
    if (!runs) {
        blocked.unblock();
        int code = 0;
        if (arguments.list_plugins)
            code = list_plugins(arguments);
        else if (arguments.config_schema)
            std::fputs(config_schema(arguments).c_str(), stdout);
        else
            code = check(arguments);
        return volley::log::finish_standard_output("volleyd") ? code : exit_output;
    }
    std::set_terminate(end_badly);
    return run(arguments);
}
