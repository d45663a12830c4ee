// volley: the operator's tool. Data goes to standard output, everything else to standard error; exit codes
// are sysexits'.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>

#include "check/check.hpp"
#include "check/guarantees.hpp"
#include "config/load.hpp"
#include "log/log.hpp"
#include "migrate.hpp"
#include "plugins/search_path.hpp"
#include "queue_access.hpp"
#include "queues.hpp"

namespace {

using namespace volley;

struct Arguments {
    std::string config = "volley.yml";
    std::vector<std::string> plugin_dirs;
    std::string check_path;
    std::string format = "text";
    std::string code;
    std::string migrate_path;
    bool guarantees = false;
    std::vector<std::string> required;
    cli::Send send;
    cli::Peek peek;
};

config::Format format_of(const std::string& name) {
    return name == "json"     ? config::Format::json
           : name == "github" ? config::Format::github
                              : config::Format::text;
}

// Prints what the configuration promises, and what of the required it does not.
int report_guarantees(const Arguments& arguments, const Config& config) {
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

int check_file(const Arguments& arguments) {
    const auto checked =
        check::check_file(arguments.check_path, arguments.plugin_dirs, config::environment());
    std::fputs(config::render(checked.diagnostics, format_of(arguments.format)).c_str(), stderr);
    if (!checked.config) return cli::exit_config;
    if (arguments.guarantees || !arguments.required.empty())
        return report_guarantees(arguments, *checked.config);
    if (arguments.format == "text") std::printf("%s: ok\n", arguments.check_path.c_str());
    return cli::exit_ok;
}

int explain(const std::string& code) {
    if (const auto text = config::explain(code)) {
        std::fputs(text->c_str(), stdout);
        return cli::exit_ok;
    }
    std::fprintf(stderr, "volley: there is no code %s\n", code.c_str());
    return cli::exit_usage;
}

int plugins_listed(const Arguments& arguments) {
    const Config config;
    plugins::Catalog catalog(plugins::search_path(arguments.plugin_dirs, config));
    std::fputs(check::render_plugins(catalog).c_str(), stdout);
    return cli::exit_ok;
}

// Runs a command that needs the configuration.
template <typename Command>
int with_config(const Arguments& arguments, Command&& command) {
    const auto loaded = config::load_file(arguments.config, config::environment());
    if (!loaded.config) {
        std::fputs(config::render(loaded.diagnostics, config::Format::text).c_str(), stderr);
        return cli::exit_config;
    }
    log::configure(log::Level::warning, log::Format::text);
    plugins::Catalog catalog(plugins::search_path(arguments.plugin_dirs, *loaded.config));
    return command(*loaded.config, catalog);
}

std::string unknown_verb(const CLI::App& app, const char* given) {
    std::vector<std::string> verbs;
    for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
        verbs.push_back(verb->get_name());
    const std::string near = config::nearest(given, verbs);
    return near.empty() ? std::string() : "did you mean \"volley " + near + "\"?\n";
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_DFL);  // `volley peek … | head` ends quietly
    Arguments a;
    CLI::App app{
        "The operator's tool of Volley.\n\n  volley send orders '{\"id\": 1}'\n  volley peek orders --limit "
        "3\n"};
    app.set_version_flag("--version", std::string("volley ") + VOLLEY_VERSION);
    app.add_option("-c,--config", a.config, "The configuration file")->capture_default_str();
    app.add_option("--plugin-dir", a.plugin_dirs, "Look here for plugins first; may be repeated")
        ->allow_extra_args(false);
    app.require_subcommand(1);
    app.fallthrough();

    CLI::App* check_verb =
        app.add_subcommand("check", "Find every mistake of a configuration; connects to nothing");
    check_verb->add_option("FILE", a.check_path, "The configuration file")->required();
    check_verb->add_option("--format", a.format, "How mistakes are written")
        ->check(CLI::IsMember({"text", "json", "github"}));
    check_verb->add_flag("--guarantees", a.guarantees,
                         "Print what each component promises: delivery, duplicates, order, losses");
    check_verb
        ->add_option("--require", a.required,
                     "Exit 1 unless each component promises these, separated by commas: at-least-once, "
                     "exactly-once, key-order, partition-order")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::IsMember(check::property_names()));
    CLI::App* explain_verb = app.add_subcommand("explain", "Say more about an error code, such as V0104");
    explain_verb->add_option("CODE", a.code, "The code")->required();
    CLI::App* migrate_verb = app.add_subcommand(
        "migrate", "Write a py-volley configuration as one of Volley's, to standard output");
    migrate_verb->add_option("FILE", a.migrate_path, "The py-volley file")->required();
    CLI::App* plugins_verb = app.add_subcommand("plugins", "Show the plugins that are found");
    CLI::App* send_verb = app.add_subcommand("send", "Put messages into a queue");
    send_verb->add_option("QUEUE", a.send.queue, "The queue's name in the configuration")->required();
    send_verb->add_option("BODY", a.send.bodies, "Messages");
    send_verb->add_option("-f,--file", a.send.file, "A file with one message a line; - is standard input");
    send_verb->add_option("-k,--key", a.send.key, "The key of each message");
    send_verb->add_option("-H,--header", a.send.headers, "A header as name:value; may be repeated")
        ->allow_extra_args(false);
    send_verb->add_option("-n,--count", a.send.count, "Send everything so many times");
    CLI::App* peek_verb = app.add_subcommand("peek", "Show messages that wait, without taking them");
    peek_verb->add_option("QUEUE", a.peek.queue, "The queue's name in the configuration")->required();
    peek_verb->add_option("-n,--limit", a.peek.limit, "Show at most so many")->capture_default_str();
    peek_verb->add_flag("--count", a.peek.count, "Only say how many wait");
    peek_verb->add_flag("--json", a.peek.json, "One object a message: id, key, headers and body");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        if (code != 0 && argc > 1) std::fputs(unknown_verb(app, argv[1]).c_str(), stderr);
        return code == 0 ? cli::exit_ok : cli::exit_usage;
    }
    if (*check_verb) return check_file(a);
    if (*explain_verb) return explain(a.code);
    if (*migrate_verb) return cli::migrate(a.migrate_path);
    if (*plugins_verb) return plugins_listed(a);
    if (*send_verb) {
        if (a.send.bodies.empty() && a.send.file.empty()) {
            std::fputs("volley: give a BODY or --file\n", stderr);
            return cli::exit_usage;
        }
        return with_config(
            a, [&](const Config& c, plugins::Catalog& catalog) { return cli::send(c, catalog, a.send); });
    }
    return with_config(
        a, [&](const Config& c, plugins::Catalog& catalog) { return cli::peek(c, catalog, a.peek); });
}
