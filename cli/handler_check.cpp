#include "handler_check.hpp"

#include <algorithm>
#include <cstdio>

#include "config/bind.hpp"
#include "config/diagnostics.hpp"
#include "conformance/report.hpp"
#include "conformance/suite.hpp"
#include "handlers/json_cursor.hpp"
#include "log/log.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

using conformance::Check;
using conformance::Finding;
using conformance::Program;
using conformance::Status;
using conformance::Verdict;

bool holds(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

int print_list(const std::vector<Check>& checks) {
    for (const Check& check : checks) std::printf("%-22s%s\n", check.name.c_str(), check.about.c_str());
    return exit_ok;
}

// Says which name is not that of a check.
bool are_names(const std::vector<std::string>& names, const std::vector<Check>& checks) {
    std::vector<std::string> known;
    for (const Check& check : checks) known.push_back(check.name);
    for (const std::string& name : names) {
        if (holds(known, name)) continue;
        const std::string near = config::nearest(name, known);
        say("there is no check \"" + name + "\"" +
            (near.empty() ? "; --list shows all" : "; did you mean \"" + near + "\"?"));
        return false;
    }
    return true;
}

bool is_json(const std::string& text) {
    handlers::JsonCursor in(text);
    in.value(handlers::deepest_body);
    if (!in.failed()) in.end();
    return !in.failed();
}

std::vector<Finding> run_checks(const Program& program, const HandlerCheck& options,
                                const std::vector<Check>& checks) {
    std::vector<Finding> results;
    bool starts = true;
    for (const Check& check : checks) {
        const bool chosen =
            options.only.empty() ? options.echo || !check.echo : holds(options.only, check.name);
        if (!chosen) continue;
        Verdict verdict = starts ? check.run(program) : conformance::skipped("the program does not start");
        if (check.name == "starts" && verdict.status == Status::fail) starts = false;
        if (verdict.status == Status::fail && holds(options.tolerate, check.name))
            verdict.status = Status::warn;
        results.push_back({check.name, verdict});
        if (options.json) continue;
        print_bytes(text_line(results.back()));
        std::fflush(stdout);
    }
    return results;
}

}  // namespace

int handler_check(const HandlerCheck& options) {
    const auto checks = conformance::all_checks();
    if (options.list) return print_list(checks);
    if (options.program.empty()) {
        say("give the program and its arguments behind --: volley handler-check -- python3 ship.py");
        return exit_usage;
    }
    const auto timeout = config::parse_duration(options.timeout);
    if (!timeout || timeout->count() <= 0) {
        say("--timeout is not a duration: \"" + options.timeout + "\"; write 10s or 500ms");
        return exit_usage;
    }
    if (!is_json(options.body)) {
        say("--body is not JSON: " + options.body);
        return exit_usage;
    }
    if (!are_names(options.only, checks) || !are_names(options.tolerate, checks)) return exit_usage;
    log::configure(log::Level::warning, log::Format::text);  // not what the program prints
    const Program program{options.program, *timeout, options.version, options.body};
    const auto results = run_checks(program, options, checks);
    if (options.json)
        print_json(json_report(options.program, results));
    else
        print_bytes(summary(results));
    return count_of(results, Status::fail) == 0 ? exit_ok : exit_some_failed;
}

}  // namespace volley::cli
