// volley-plugin-check: tests whether a plugin keeps the contract of plugin.h. Results go to standard output,
// all else to standard error; exit codes are sysexits'.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

#include "log/log.hpp"
#include "log/standard_streams.hpp"
#include "plugin_check/run.hpp"
#include "queue_access.hpp"

namespace {

// malloc keeps freed blocks for each thread, which the check for leaks could not tell from a leak. It reads
// this setting when a program starts, so the program starts itself once more. If that fails, the check is
// less exact.
void without_malloc_caches(char** argv) {
    const char* const before = std::getenv("GLIBC_TUNABLES");
    const std::string setting = "glibc.malloc.tcache_count=";
    std::string tunables = before == nullptr ? "" : before;
    if (tunables.find(setting) != std::string::npos) return;
    tunables += (tunables.empty() ? "" : ":") + setting + "0";
    if (setenv("GLIBC_TUNABLES", tunables.c_str(), 1) == 0) execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
    using namespace volley;
    without_malloc_caches(argv);
    if (!log::open_standard_streams()) return cli::exit_unavailable;
    log::configure(log::Level::error, log::Format::text);
    cli::plugin_check::Arguments a;
    CLI::App app{
        "Tests whether a plugin keeps the contract of plugin.h. Each check runs in a process of its own, so "
        "that a crash or "
        "a hang is a failed check.",
        "volley-plugin-check"};
    app.footer(
        "Two files make a pair, if a store's consumer and producer are not in one:\n"
        "  volley-plugin-check in.so:Reader out.so:Writer --config '{\"url\": \"…\"}'\n"
        "Checks that need a store are skipped without --config; use '{}' if the plugin needs no keys. They "
        "use queues whose "
        "names begin with volley-check, and empty them.");
    app.set_version_flag("--version", VOLLEY_VERSION);
    app.add_option("FILE", a.files, "file.so, or file.so:Class");
    app.add_option("--config", a.config,
                   "The config of a queue or a handler: a JSON object, or a file with one, or with YAML");
    app.add_option(
        "--value", a.value,
        "Use this queue (topic, table) for all checks; its messages are deleted. Default: new ones");
    app.add_option("--body", a.body, "JSON for the messages of handlers, if they do not understand {}")
        ->capture_default_str();
    app.add_option("--only", a.only, "Run this check alone, for all classes; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--tolerate", a.tolerate, "A failure of this check is a warning; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--seed", a.seed, "Repeats the random configurations of a run")->capture_default_str();
    app.add_option("--timeout", a.timeout, "How long one check may take")->capture_default_str();
    app.add_flag("--list", a.list, "Show the checks, and run nothing");
    app.add_flag("--json", a.json, "One object with all results");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? cli::exit_ok : cli::exit_usage;
    }
    const int code = cli::plugin_check::run(a);
    return log::finish_standard_output("volley-plugin-check") ? code : cli::exit_output;
}
