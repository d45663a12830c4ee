#include "arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "check/guarantees.hpp"
#include "completion.hpp"
#include "config/diagnostics.hpp"
#include "init_choices.hpp"
#include "load_arguments.hpp"
#include "queue_access.hpp"

namespace volley::cli {

namespace {

CLI::App* add_verb(CLI::App& app, Arguments& a, Verb verb, const char* name, const char* what) {
    CLI::App* added = app.add_subcommand(name, what);
    added->callback([&a, verb] { a.verb = verb; });
    return added;
}

void add_init(CLI::App& app, Arguments& a) {
    CLI::App* init = add_verb(app, a, Verb::init, "init", "Write a small project that runs at once");
    CLI::Option* folder = init->add_option("DIR", a.init.folder, "A folder that does not exist, or is empty");
    init->add_option("--handler", a.init.handler, "One of " + listed_names(names_of(handler_choices())))
        ->capture_default_str();
    const std::string connectors = "one of " + listed_names(names_of(connector_choices()));
    init->add_option("--from", a.init.from, "The connector of the input: " + connectors)
        ->capture_default_str();
    init->add_option("--to", a.init.to, "The connector of the output: " + connectors)->capture_default_str();
    init->add_flag("--list", a.init.list, "Say more about the choices")->excludes(folder);
}

void add_new(CLI::App& app, Arguments& a) {
    CLI::App* made = app.add_subcommand("new", "Write the project of a connector or a handler");
    made->require_subcommand(1);
    CLI::App* plugin = add_verb(*made, a, Verb::new_plugin, "plugin",
                                "A connector: a shared object that builds, tests itself and runs at once");
    plugin->add_option("NAME", a.project.folder, "Its name, and a folder that does not exist")->required();
    plugin->add_option("--lang", a.project.language, "One of " + listed_names(plugin_languages()))
        ->capture_default_str();
    CLI::App* handler = add_verb(*made, a, Verb::new_handler, "handler",
                                 "A handler with its queues: as volley init with SQLite");
    handler->add_option("NAME", a.project.folder, "A folder that does not exist, or is empty")->required();
    handler->add_option("--lang", a.project.language, "One of " + listed_names(handler_languages()))
        ->capture_default_str();
}

void add_configuration_verbs(CLI::App& app, Arguments& a) {
    CLI::App* check =
        add_verb(app, a, Verb::check, "check", "Find every mistake of a configuration; connects to nothing");
    check->add_option("FILE", a.check_path, "The configuration file")->required();
    check->add_option("--format", a.format, "How mistakes are written")
        ->check(CLI::IsMember({"text", "json", "github"}));
    check->add_flag("--guarantees", a.guarantees,
                    "Print what each component promises: delivery, duplicates, order, losses");
    check
        ->add_option("--require", a.required,
                     "Exit 1 unless each component promises these, separated by commas: at-least-once, "
                     "exactly-once, key-order, partition-order")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::IsMember(check::property_names()));
    add_verb(app, a, Verb::explain, "explain", "Say more about an error code, such as V0104")
        ->add_option("CODE", a.code, "The code; default: all of them");
    add_verb(app, a, Verb::migrate, "migrate",
             "Write a py-volley configuration as one of Volley's, to standard output")
        ->add_option("FILE", a.migrate_path, "The py-volley file")
        ->required();
    add_verb(app, a, Verb::plugins, "plugins", "Show the plugins that are found");
}

void add_deploy(CLI::App& app, Arguments& a) {
    Deploy& d = a.deploy;
    CLI::App* verb = add_verb(app, a, Verb::deploy, "deploy",
                              "Write what runs a configuration: for Kubernetes, systemd or Compose");
    verb->add_option("TARGET", d.to, "Where it shall run")
        ->required()
        ->check(CLI::IsMember(deploy_targets()));
    verb->add_option("FILE", d.file, "The configuration file")->required();
    CLI::Option* output =
        verb->add_option("-o,--output", d.output, "Write files into this folder; default: standard output");
    verb->add_flag("--force", d.force, "Replace files that are there")->needs(output);
    verb->add_option("--image", d.target.image, "The container image; default: volley");
    verb->add_flag("--keda", d.target.keda, "k8s: also a ScaledObject of KEDA, for inputs on Kafka and RSMQ");
}

void add_handler_check(CLI::App& app, Arguments& a) {
    HandlerCheck& h = a.handler_check;
    CLI::App* verb = add_verb(app, a, Verb::handler_check, "handler-check",
                              "Test whether a program speaks the protocol for handlers");
    verb->footer(
        "The program and its arguments follow behind --:\n  volley handler-check -- python3 ship.py");
    verb->add_option("--timeout", h.timeout, "How long it may take to start, and for each answer")
        ->capture_default_str();
    verb->add_option("--version", h.version, "The version of the protocol that is offered to it")
        ->check(CLI::IsMember({1, 2}))
        ->capture_default_str();
    verb->add_option("--body", h.body, "JSON for the messages, if it does not understand {}");
    verb->add_flag("--echo", h.echo, "It is the echo program of plugin_api/protocol: check what it forwards");
    verb->add_option("--only", h.only, "Run this check alone; may be repeated")->allow_extra_args(false);
    verb->add_option("--tolerate", h.tolerate, "A failure of this check is a warning; may be repeated")
        ->allow_extra_args(false);
    verb->add_flag("--list", h.list, "Show the checks, and run nothing");
    verb->add_flag("--json", h.json, "One object with all results");
}

void add_test(CLI::App& app, Arguments& a) {
    Test& t = a.test;
    CLI::App* verb =
        add_verb(app, a, Verb::test, "test", "Test a component with its handler, without its stores");
    verb->add_option("FILE", t.files, "Files of tests, or folders with such; default: tests/*.yml");
    verb->add_option("--junit", t.junit, "Write the results into this file, as JUnit's XML");
    verb->add_option("--timeout", t.timeout, "How long each test may take, in real time")
        ->capture_default_str();
    verb->add_flag("--watch", t.watch, "Run again when the configuration, the handler or a test changes");
}

void add_window(CLI::App* verb, Window& window, bool required) {
    auto* from =
        verb->add_option("--from", window.from,
                         "What was stored from then on, read or not: 2026-11-24T10:00:00Z, or 90m ago as 90m")
            ->required(required);
    verb->add_option("--to", window.to, "Up to then; default: now")->needs(from);
}

void add_queue_verbs(CLI::App& app, Arguments& a) {
    CLI::App* send = add_verb(app, a, Verb::send, "send", "Put messages into a queue");
    send->add_option("QUEUE", a.send.queue, "The queue's name in the configuration")->required();
    add_load(send, a.send, "--json");
    send->add_option("-n,--count", a.send.count, "Send everything so many times")
        ->check(number_of_messages());
    send->add_option("--delay", a.send.delay, "Deliver no sooner than so long from then, such as 30s");
    CLI::App* peek = add_verb(app, a, Verb::peek, "peek", "Show messages that wait, without taking them");
    peek->add_option("QUEUE", a.peek.queue, "The queue's name in the configuration")->required();
    peek->add_option("-n,--limit", a.peek.limit, "Show at most so many")
        ->check(number_of_messages())
        ->capture_default_str();
    peek->add_flag("--count", a.peek.count, "Only say how many wait");
    peek->add_flag("--json", a.peek.json, "One object a message: id, key, headers and body");
    add_window(peek, a.peek.window, false);
    CLI::App* replay =
        add_verb(app, a, Verb::replay, "replay",
                 "Send again what was in a queue between two times; for stores that keep what was read");
    replay->add_option("QUEUE", a.replay.queue, "The queue's name in the configuration")->required();
    add_window(replay, a.replay.window, true);
    replay->add_option("--into", a.replay.into, "Into this queue; default: the same");
    replay->add_option("-n,--limit", a.replay.limit, "Send at most so many, from the first on; default: all")
        ->check(number_of_messages());
    replay->add_flag("--dry-run", a.replay.dry_run, "Only say how many there are");
    CLI::App* queues =
        add_verb(app, a, Verb::queues, "queues", "Show how much waits in each queue, and how long");
    queues->add_option("QUEUE", a.queues.names, "Only these");
    queues->add_flag("--json", a.queues.json, "One object a queue");
    CLI::App* purge = add_verb(app, a, Verb::purge, "purge", "Delete everything that waits in a queue");
    purge->add_option("QUEUE", a.purge.queue, "The queue's name in the configuration")->required();
    purge->add_flag("--yes", a.purge.yes, "Really");
}

void add_queue(CLI::App* verb, DeadLetters& d) {
    verb->add_option("-q,--queue", d.queue, "The dead-letter queue, if the configuration has several");
}

std::vector<CLI::Option*> add_filter(CLI::App* verb, DeadLetters& d) {
    queues::LetterChoice& c = d.choice;
    return {verb->add_option("--reason", c.reason, "Only those with this reason: handler_fail, schema, …"),
            verb->add_option("--component", c.component, "Only those of this component"),
            verb->add_option("--since", c.since,
                             "Only those that failed since then: 2026-11-24T10:00:00Z, or 90m ago as 90m"),
            verb->add_option("--before", c.before, "Only those that failed before then"),
            verb->add_option("--match", c.matches,
                             "Only those with this in a JSON body, such as /customer/id=17; may be repeated")
                ->allow_extra_args(false)};
}

// Which letters: some by id, or all, perhaps of one reason.
void add_choice(CLI::App* verb, DeadLetters& d) {
    auto* ids = verb->add_option("ID", d.ids, "Dead letters by the ids that list shows");
    auto* all = verb->add_flag("--all", d.all, "All that are there now")->excludes(ids);
    for (CLI::Option* filter : add_filter(verb, d)) filter->needs(all);
    verb->add_option("--rate", d.rate, "At most so many a second")->check(number_of_messages())->needs(all);
    verb->add_flag("--dry-run", d.dry_run, "Only say what would be done");
}

void add_dead_letter_verbs(CLI::App& app, Arguments& a) {
    DeadLetters& d = a.dead_letters;
    CLI::App* dlq = app.add_subcommand("dlq", "Dead letters: list, show, export, retry and delete them");
    dlq->require_subcommand(1);
    CLI::App* list = add_verb(*dlq, a, Verb::dlq_list, "list", "Show what failed for good, and why");
    add_queue(list, d);
    add_filter(list, d);
    list->add_option("-n,--limit", d.limit, "Show at most so many")
        ->check(number_of_messages())
        ->capture_default_str();
    list->add_flag("--json", d.json, "One object a letter");
    CLI::App* show = add_verb(*dlq, a, Verb::dlq_show, "show", "Show a dead letter with its body");
    add_queue(show, d);
    show->add_option("ID", d.ids, "Dead letters by the ids that list shows")->required();
    CLI::Option* json = show->add_flag("--json", d.json, "One object a letter");
    show->add_flag("--as-test", d.as_test, "As a file for volley test, which expects the same end")
        ->excludes(json);
    CLI::App* saved = add_verb(*dlq, a, Verb::dlq_export, "export",
                               "Print all as objects, which volley send --json --file reads");
    add_queue(saved, d);
    add_filter(saved, d);
    CLI::App* retry = add_verb(*dlq, a, Verb::dlq_retry, "retry",
                               "Send the original message again, and then remove the letter");
    add_queue(retry, d);
    add_choice(retry, d);
    retry->add_option("--to", d.to, "Into this queue; default: where the message came from");
    retry->add_flag("--edit", d.edit, "Change the body in $EDITOR first")->excludes("--all");
    CLI::App* remove = add_verb(*dlq, a, Verb::dlq_delete, "delete", "Delete dead letters for good");
    add_queue(remove, d);
    add_choice(remove, d);
}

void add_address(CLI::App* verb, std::string& address) {
    verb->add_option("--address", address,
                     "HOST:PORT of the engine; default: operations.listen of the configuration")
        ->envname("VOLLEY_ADDRESS");
}

CLI::App* add_operation(CLI::App& app, Arguments& a, Operate::What what, const char* name,
                        const char* meaning) {
    CLI::App* verb = app.add_subcommand(name, meaning);
    verb->callback([&a, what] {
        a.verb = Verb::operate;
        a.operate.what = what;
    });
    add_address(verb, a.operate.address);
    return verb;
}

void add_views(CLI::App& app, Arguments& a) {
    CLI::App* top = add_verb(app, a, Verb::top, "top", "Watch what the running engine does");
    add_address(top, a.top.address);
    top->add_flag("--json", a.top.json, "What it shows now, as one object");
    CLI::App* tap =
        add_verb(app, a, Verb::tap, "tap", "Watch messages of a component as they come in and go out");
    tap->footer(
        "Secrets are masked by the rules of support-bundle. Ctrl-C ends it.\n"
        "  volley tap ship --only out\n  volley tap ship --every 1000 --json");
    tap->add_option("COMPONENT", a.tap.component, "The component")->required();
    add_address(tap, a.tap.address);
    tap->add_option("--rate", a.tap.per_second, "Show at most so many messages a second")
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    tap->add_option("--every", a.tap.every, "Show one of so many messages")
        ->check(CLI::Range(1, 1'000'000'000))
        ->capture_default_str();
    tap->add_option("-n,--count", a.tap.count, "End after so many messages")->check(number_of_messages());
    tap->add_option("--only", a.tap.only, "Messages in, out, or dead letters")
        ->check(CLI::IsMember({"in", "out", "dead"}));
    tap->add_flag("--json", a.tap.json, "One object a message");
    CLI::App* audit = add_verb(app, a, Verb::audit, "audit", "Show who changed what in the running engine");
    add_address(audit, a.audit.address);
    CLI::Option* file =
        audit->add_option("-f,--file", a.audit.file, "In this log instead; - is standard input");
    audit->add_flag("--json", a.audit.json, "What the API answers")->excludes(file);
    CLI::App* graph = add_verb(app, a, Verb::graph, "graph",
                               "Show which component reads and writes which queue; connects to nothing");
    graph->add_option("--format", a.graph.format, "How it is drawn")
        ->check(CLI::IsMember({"text", "mermaid", "dot"}))
        ->capture_default_str();
    CLI::App* bundle = add_verb(app, a, Verb::support_bundle, "support-bundle",
                                "Write what somebody needs who is to help into one file, without secrets");
    add_address(bundle, a.support_bundle.address);
    bundle->add_option("-o,--output", a.support_bundle.out, "The file; default: a name with the time");
    bundle->add_option("--log", a.support_bundle.log, "The engine's log, of which the last MiB goes in");
}

void add_bench(CLI::App& app, Arguments& a) {
    CLI::App* verb =
        add_verb(app, a, Verb::bench, "bench",
                 "Measure a component with its queues and handler: rate, latency, processor time");
    add_bench_options(verb, a.bench);
    add_address(verb, a.bench.address);
}

void add_limits(CLI::App& app, Arguments& a) {
    using What = Operate::What;
    Operate& o = a.operate;
    for (const bool workers : {true, false}) {
        CLI::App* verb =
            add_operation(app, a, workers ? What::workers : What::rate, workers ? "workers" : "rate",
                          workers ? "Hand messages to some of the workers only"
                                  : "Fetch at most so many messages a second");
        // A list would take the number, too.
        verb->add_option_function<std::string>(
                "COMPONENT", [&o](const std::string& name) { o.components = {name}; }, "The component")
            ->required();
        verb->add_option("NUMBER", o.limit,
                         workers ? "How many, or all" : "Messages a second, at least 1, or off")
            ->required();
        verb->add_option("--for", o.duration, "Only for so long, such as 10m");
        verb->add_flag("--json", o.json, "What the API answers");
    }
}

void add_operation_verbs(CLI::App& app, Arguments& a) {
    using What = Operate::What;
    Operate& o = a.operate;
    const auto json = [&o](CLI::App* verb) { verb->add_flag("--json", o.json, "What the API answers"); };
    json(add_operation(app, a, What::status, "status", "Show what the running engine does"));
    json(add_operation(app, a, What::why, "why", "Say why nothing moves; exit 1 if something stands still"));
    for (const bool pauses : {true, false}) {
        CLI::App* verb = add_operation(
            app, a, pauses ? What::pause : What::resume, pauses ? "pause" : "resume",
            pauses ? "Fetch no more messages; what is in flight goes on" : "Let a paused component go on");
        auto* names = verb->add_option("COMPONENT", o.components, "Components by name");
        verb->add_flag("--all", o.all, "All components")->excludes(names);
        json(verb);
    }
    CLI::App* reload = add_operation(app, a, What::reload, "reload",
                                     "Apply the changed configuration, and say what became of it");
    reload->add_option("--timeout", o.timeout, "Seconds to wait for the verdict")
        ->check(CLI::Range(1, 86'400))
        ->capture_default_str();
    json(reload);
    json(add_operation(app, a, What::drain, "drain", "Finish what is in flight, and end the engine"));
    CLI::App* level = add_operation(app, a, What::log, "log", "Change the log level of the running engine");
    level->add_option("LEVEL", o.level, "trace, debug, info, warning or error")
        ->required()
        ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
    level->add_option("--for", o.duration,
                      "Only for so long, such as 10m; then the configured level returns");
    json(level);
    CLI::App* health = add_operation(app, a, What::health, "health",
                                     "Exit 0 if the engine is alive: for a container's HEALTHCHECK");
    health->add_flag("--ready", o.ready, "Only if all components are ready");
}

// CLI11 takes apart a word in brackets, where several words may stand, as in [1,2]. What send gets is the
// content of a message, so there such a word gets a mark in front, which unmark() removes.
constexpr char bracket_mark = '\x01';

struct Words {
    std::vector<std::string> texts;
    std::vector<char*> pointers;  // to them
};

Words mark_brackets(int argc, char** argv) {
    Words words;
    words.texts.assign(argv, argv + argc);
    const auto has = [&words](const char* verb) {
        return std::find(words.texts.begin(), words.texts.end(), verb) != words.texts.end();
    };
    const bool has_bodies = has("send") || has("bench");
    for (std::string& text : words.texts) {
        if (has_bodies && !text.empty() && (text.front() == '[' || text.front() == bracket_mark))
            text.insert(text.begin(), bracket_mark);
        words.pointers.push_back(text.data());
    }
    return words;
}

void unmark(std::string& text) {
    if (!text.empty() && text.front() == bracket_mark) text.erase(0, 1);
}

void unmark(Send& options) {
    for (std::string& body : options.bodies) unmark(body);
    for (std::string& header : options.headers) unmark(header);
    unmark(options.key);
    unmark(options.file);
}

// Takes the words behind -- of handler-check, and returns how many are before. See mark_brackets.
int cut_program(int argc, char** argv, Arguments& a) {
    char** const end = argv + argc;
    char** const cut = std::find(argv, end, std::string_view("--"));
    if (cut == end || std::find(argv, cut, std::string_view("handler-check")) == cut) return argc;
    a.handler_check.program.assign(cut + 1, end);
    return static_cast<int>(cut - argv);
}

// The verb that was nearly given: the first word that the parser could not place, at the level that it
// reached.
std::string unknown_verb(const CLI::App& app) {
    const CLI::App* at = &app;
    std::string said = "volley";
    for (auto got = at->get_subcommands(); !got.empty(); got = at->get_subcommands()) {
        at = got.front();
        said += " " + at->get_name();
    }
    const auto left = app.remaining(true);
    if (left.empty()) return {};
    std::vector<std::string> verbs;
    for (const CLI::App* verb : at->get_subcommands([](const CLI::App*) { return true; }))
        verbs.push_back(verb->get_name());
    const std::string near = config::nearest(left.front(), verbs);
    return near.empty() ? std::string() : "did you mean \"" + said + " " + near + "\"?\n";
}

// What the parser cannot say: null if nothing is missing.
const char* missing(const Arguments& a) {
    if (a.verb == Verb::init && a.init.folder.empty() && !a.init.list) return "give a DIR, or --list";
    if (a.verb == Verb::send && a.send.bodies.empty() && a.send.file.empty()) return "give a BODY or --file";
    if (a.verb == Verb::bench && a.bench.load.bodies.empty() && a.bench.load.file.empty())
        return "give a BODY or --file";
    const bool halts = a.verb == Verb::operate &&
                       (a.operate.what == Operate::What::pause || a.operate.what == Operate::What::resume);
    if (halts && !a.operate.all && a.operate.components.empty()) return "give a COMPONENT or --all";
    const bool chooses = a.verb == Verb::dlq_retry || a.verb == Verb::dlq_delete;
    if (a.verb == Verb::dlq_show && a.dead_letters.as_test && a.dead_letters.ids.size() > 1)
        return "--as-test writes one file: give one ID";
    if (chooses && !a.dead_letters.all && a.dead_letters.ids.empty()) return "give an ID or --all";
    return nullptr;
}

}  // namespace

std::optional<int> parse(int argc, char** argv, Arguments& a) {
    argc = cut_program(argc, argv, a);
    CLI::App app{
        "The operator's tool of Volley.\n\n"
        "  volley init shop\n"
        "  volley send orders '{\"id\": 1}'\n"
        "  volley peek orders --limit 3\n"
        "  volley dlq list\n"
        "  volley why\n"};
    app.set_version_flag("--version", std::string("volley ") + VOLLEY_VERSION);
    CLI::Option* file = app.add_option("-c,--config", a.config, "The configuration file");
    file->envname("VOLLEY_CONFIG")->capture_default_str();
    app.add_option("--plugin-dir", a.plugin_dirs, "Look here for plugins first; may be repeated")
        ->allow_extra_args(false);
    app.require_subcommand(1);
    app.fallthrough();
    add_init(app, a);
    add_new(app, a);
    add_configuration_verbs(app, a);
    add_deploy(app, a);
    add_handler_check(app, a);
    add_test(app, a);
    add_queue_verbs(app, a);
    add_dead_letter_verbs(app, a);
    add_operation_verbs(app, a);
    add_limits(app, a);
    add_views(app, a);
    add_bench(app, a);
    CLI::App* completion = app.add_subcommand("completion", "Write the completion script of a shell");
    completion->add_option("SHELL", a.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    try {
        Words words = mark_brackets(argc, argv);
        app.parse(argc, words.pointers.data());
        unmark(a.send);
        unmark(a.bench.load);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        if (code != 0) std::fputs(unknown_verb(app).c_str(), stderr);
        return code == 0 ? exit_ok : exit_usage;
    }
    if (completion->parsed()) {
        std::fputs(completion_script(app, a.shell).c_str(), stdout);
        return exit_ok;
    }
    a.config_given = file->count() > 0;
    if (const char* what = missing(a)) {
        std::fprintf(stderr, "volley: %s\n", what);
        return exit_usage;
    }
    return std::nullopt;
}

}  // namespace volley::cli
