#include "audit.hpp"

#include <fstream>
#include <iostream>
#include <string_view>

#include "engine_session.hpp"
#include "json_fields.hpp"
#include "queue_access.hpp"
#include "queues/times.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

constexpr std::string_view mark = "an operator's request is carried out";

// In the format of the log, text or JSON, whichever it is.
int audit_of_file(const std::string& file) {
    std::ifstream opened;
    if (file != "-") {
        opened.open(file, std::ios::binary);
        if (!opened) {
            say("cannot read " + file);
            return exit_usage;
        }
    }
    std::istream& in = file == "-" ? std::cin : opened;
    for (std::string line; std::getline(in, line);)
        if (line.find(mark) != std::string::npos) print_bytes(line);
    if (!in.bad()) return exit_ok;
    say("cannot read " + file);
    return exit_usage;
}

}  // namespace

int audit(const std::string& config_file, const Audit& options) {
    if (!options.file.empty()) return audit_of_file(options.file);
    auto address = engine_address(config_file, options.address);
    if (!address) {
        say(address.error().text);
        return exit_config;
    }
    EngineSession session{EngineClient(std::move(*address))};
    if (const int wrong = session.look_who_answers(); wrong != exit_ok) return wrong;
    const auto answer = session.client().get("/api/v1/audit");
    if (const int wrong = session.complain(answer); wrong != exit_ok) return wrong;
    if (options.json) {
        print_json(answer->body.substr(0, answer->body.find('\n')));
        return exit_ok;
    }
    const auto lines = session.object(answer);
    if (!lines) return report(lines.error());
    for (const rapidjson::Value* line : list_of(&*lines, "lines")) {
        std::string text = string_of(line, "text");
        if (text.starts_with(mark)) text.erase(0, text.find_first_not_of(' ', mark.size()));
        print_bytes(queues::utc_time(number_of(line, "at")) + "  " + text);
    }
    return exit_ok;
}

}  // namespace volley::cli
