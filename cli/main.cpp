// volley: the operator's tool. Data goes to standard output, everything else to standard error; exit codes
// are sysexits'.

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "arguments.hpp"
#include "check/check.hpp"
#include "check/guarantees.hpp"
#include "config/load.hpp"
#include "log/log.hpp"
#include "log/output.hpp"
#include "log/standard_streams.hpp"
#include "migrate.hpp"
#include "new_plugin.hpp"
#include "plugins/search_path.hpp"
#include "queue_access.hpp"

namespace {

using namespace volley;

config::Format format_of(const std::string& name) {
    return name == "json"     ? config::Format::json
           : name == "github" ? config::Format::github
                              : config::Format::text;
}

// Prints what the configuration promises, and what of the required it does not.
int report_guarantees(const cli::Arguments& arguments, const Config& config) {
    plugins::Catalog catalog(plugins::search_path(arguments.plugin_dirs, config));
    const auto promised = check::guarantees(config, catalog);
    std::fputs(check::render(promised).c_str(), stdout);
    std::vector<check::Property> required;
    const auto& names = check::property_names();
    for (const std::string& name : arguments.required)
        required.push_back(
            static_cast<check::Property>(std::find(names.begin(), names.end(), name) - names.begin()));
    const std::string unmet = check::unmet(promised, required);
    std::fputs(unmet.c_str(), stderr);
    return unmet.empty() ? cli::exit_ok : cli::exit_unmet;
}

int check_file(const cli::Arguments& arguments) {
    const auto checked =
        check::check_file(arguments.check_path, arguments.plugin_dirs, config::environment());
    const config::Format format = format_of(arguments.format);
    log::flush();  // what connectors have logged comes first
    std::fputs(config::render(checked.diagnostics, format, config::screen_of(STDERR_FILENO)).c_str(),
               format == config::Format::text ? stderr : stdout);
    if (!checked.config) return cli::exit_config;
    if (arguments.guarantees || !arguments.required.empty())
        return report_guarantees(arguments, *checked.config);
    if (arguments.format == "text") std::printf("%s: ok\n", arguments.check_path.c_str());
    return cli::exit_ok;
}

int explain(const std::string& code) {
    if (code.empty()) {
        std::fputs(config::explain_all().c_str(), stdout);
        return cli::exit_ok;
    }
    std::string upper = code;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); });
    if (const auto text = config::explain(upper)) {
        std::fputs(text->c_str(), stdout);
        return cli::exit_ok;
    }
    std::string all;
    for (const std::string& known : config::explained_codes()) all += " " + known;
    std::fprintf(stderr, "volley: there is no code %s; the codes are%s\n", code.c_str(), all.c_str());
    return cli::exit_usage;
}

// With the directories of the configuration, if there is one. What else is wrong with it is not of interest.
int plugins_listed(const cli::Arguments& arguments) {
    Config config;
    std::error_code unknown;
    if (arguments.config_given || std::filesystem::exists(arguments.config, unknown)) {
        auto loaded = config::load_file(arguments.config, config::environment());
        if (loaded.config)
            config = std::move(*loaded.config);
        else if (loaded.readable)
            config = std::move(*loaded.readable);
        else {
            std::fputs(
                config::render(loaded.diagnostics, config::Format::text, config::screen_of(STDERR_FILENO))
                    .c_str(),
                stderr);
            return cli::exit_config;
        }
    }
    plugins::Catalog catalog(plugins::search_path(arguments.plugin_dirs, config));
    std::fputs(check::render_plugins(catalog).c_str(), stdout);
    return cli::exit_ok;
}

// Runs a command that needs the configuration.
template <typename Command>
int with_config(const cli::Arguments& arguments, Command&& command) {
    const auto loaded = config::load_file(arguments.config, config::environment());
    if (!loaded.config) {
        std::fputs(config::render(loaded.diagnostics, config::Format::text, config::screen_of(STDERR_FILENO))
                       .c_str(),
                   stderr);
        return cli::exit_config;
    }
    log::configure(log::Level::warning, log::Format::text);
    plugins::Catalog catalog(plugins::search_path(arguments.plugin_dirs, *loaded.config));
    return command(*loaded.config, catalog);
}

// `volley peek … | head` ends quietly; a server that closes its connection is an error that is reported.
void end_with_standard_output(int signal) {
    pollfd output{STDOUT_FILENO, POLLOUT, 0};
    if (poll(&output, 1, 0) != 1 || (output.revents & POLLERR) == 0) return;
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

int run(const cli::Arguments& a) {
    const auto on_queues = [&](auto command, const auto& options) {
        return with_config(a, [&](const Config& config, plugins::Catalog& catalog) {
            return command(config, catalog, options);
        });
    };
    switch (a.verb) {
        case cli::Verb::check:
            return check_file(a);
        case cli::Verb::explain:
            return explain(a.code);
        case cli::Verb::init:
            return cli::init(a.init);
        case cli::Verb::migrate:
            return cli::migrate(a.migrate_path);
        case cli::Verb::deploy:
            return cli::deploy_file(a.deploy);
        case cli::Verb::new_plugin:
            return cli::new_plugin(a.project);
        case cli::Verb::new_handler:
            return cli::new_handler(a.project);
        case cli::Verb::plugins:
            return plugins_listed(a);
        case cli::Verb::handler_check:
            return cli::handler_check(a.handler_check);
        case cli::Verb::test:
            return cli::test(a.test, a.config, a.plugin_dirs);
        case cli::Verb::send:
            return on_queues(cli::send, a.send);
        case cli::Verb::peek:
            return on_queues(cli::peek, a.peek);
        case cli::Verb::replay:
            return on_queues(cli::replay, a.replay);
        case cli::Verb::queues:
            return on_queues(cli::list_queues, a.queues);
        case cli::Verb::purge:
            return on_queues(cli::purge, a.purge);
        case cli::Verb::dlq_list:
            return on_queues(cli::list_dead_letters, a.dead_letters);
        case cli::Verb::dlq_show:
            return on_queues(cli::show_dead_letters, a.dead_letters);
        case cli::Verb::dlq_export:
            return on_queues(cli::export_dead_letters, a.dead_letters);
        case cli::Verb::dlq_retry:
            return on_queues(cli::retry_dead_letters, a.dead_letters);
        case cli::Verb::dlq_delete:
            return on_queues(cli::delete_dead_letters, a.dead_letters);
        case cli::Verb::bench: {
            cli::Bench options = a.bench;
            options.config_file = a.config;
            options.plugin_dirs = a.plugin_dirs;
            return on_queues(cli::bench, options);
        }
        case cli::Verb::operate:
            return cli::operate(a.config, a.operate);
        case cli::Verb::top:
            return cli::top(a.config, a.top);
        case cli::Verb::graph:
            return cli::graph(a.config, a.graph);
        case cli::Verb::audit:
            return cli::audit(a.config, a.audit);
        case cli::Verb::support_bundle: {
            cli::SupportBundle options = a.support_bundle;
            options.plugin_dirs = a.plugin_dirs;
            return cli::support_bundle(a.config, options);
        }
        case cli::Verb::tap:
            return cli::tap(a.config, a.tap);
    }
    return cli::exit_usage;  // not reached: every verb is above
}

}  // namespace

int main(int argc, char** argv) {
    if (!log::open_standard_streams()) return cli::exit_unavailable;
    std::signal(SIGPIPE, &end_with_standard_output);
    cli::Arguments arguments;
    if (const auto code = cli::parse(argc, argv, arguments)) return *code;
    const int code = run(arguments);
    return log::finish_standard_output("volley") ? code : cli::exit_output;
}
