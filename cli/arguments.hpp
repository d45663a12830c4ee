// The command line of volley as plain data.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit.hpp"
#include "bench.hpp"
#include "dead_letters.hpp"
#include "deploy.hpp"
#include "graph.hpp"
#include "handler_check.hpp"
#include "init.hpp"
#include "new_plugin.hpp"
#include "operate.hpp"
#include "queues.hpp"
#include "support_bundle.hpp"
#include "tap.hpp"
#include "test.hpp"
#include "top.hpp"

namespace volley::cli {

enum class Verb : std::uint8_t {
    check,
    explain,
    init,
    migrate,
    deploy,
    new_plugin,
    new_handler,
    plugins,
    handler_check,
    test,
    send,
    peek,
    replay,
    queues,
    purge,
    dlq_list,
    dlq_show,
    dlq_export,
    dlq_retry,
    dlq_delete,
    operate,
    top,
    graph,
    audit,
    support_bundle,
    bench,
    tap
};

struct Arguments {
    Verb verb = Verb::check;
    std::string config = "volley.yml";
    bool config_given = false;
    std::vector<std::string> plugin_dirs;
    std::string check_path;
    std::string format = "text";
    std::string code;
    std::string migrate_path;
    Deploy deploy;
    Init init;
    New project;  // of new plugin, and of new handler
    bool guarantees = false;
    std::vector<std::string> required;
    Send send;
    Peek peek;
    Replay replay;
    Queues queues;
    Purge purge;
    DeadLetters dead_letters;
    HandlerCheck handler_check;
    Operate operate;
    Top top;
    Graph graph;
    Audit audit;
    SupportBundle support_bundle;
    Bench bench;
    Tap tap;
    std::string shell;  // of completion
    Test test;
};

// Parses; prints help, the version and mistakes itself. Returns the exit code instead of arguments if there
// is nothing to run.
std::optional<int> parse(int argc, char** argv, Arguments& arguments);

}  // namespace volley::cli
