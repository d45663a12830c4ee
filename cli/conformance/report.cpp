#include "conformance/report.hpp"

#include <algorithm>

#include "handlers/json_cursor.hpp"
#include "text/text.hpp"

namespace volley::cli::conformance {

namespace {

const char* word_of(Status status) {
    switch (status) {
        case Status::pass:
            return "PASS";
        case Status::warn:
            return "WARN";
        case Status::fail:
            return "FAIL";
        case Status::skip:
            break;
    }
    return "SKIP";
}

std::string lower(std::string word) {
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return static_cast<char>(c - 'A' + 'a'); });
    return word;
}

void append_member(std::string& out, const char* name, const std::string& value) {
    handlers::append_json_string(out, name);
    out += ':';
    handlers::append_json_string(out, text::safe(value));
}

}  // namespace

std::size_t count_of(const std::vector<Finding>& results, Status status) {
    return static_cast<std::size_t>(std::count_if(results.begin(), results.end(), [&](const Finding& result) {
        return result.verdict.status == status;
    }));
}

std::string text_line(const Finding& result) {
    std::string out = std::string(word_of(result.verdict.status)) + "  " + result.check;
    if (!result.verdict.reason.empty()) out += ": " + result.verdict.reason;
    return out;
}

std::string summary(const std::vector<Finding>& results) {
    return std::to_string(results.size()) + " checks: " + std::to_string(count_of(results, Status::pass)) +
           " passed, " + std::to_string(count_of(results, Status::fail)) + " failed, " +
           std::to_string(count_of(results, Status::warn)) + " with a warning, " +
           std::to_string(count_of(results, Status::skip)) + " skipped";
}

std::string json_report(const std::vector<std::string>& program, const std::vector<Finding>& results) {
    std::string out = "{\"program\":[";
    for (std::size_t i = 0; i < program.size(); ++i) {
        if (i > 0) out += ',';
        handlers::append_json_string(out, text::safe(program[i]));
    }
    out += "],\"passed\":" + std::to_string(count_of(results, Status::pass)) +
           ",\"failed\":" + std::to_string(count_of(results, Status::fail)) +
           ",\"warnings\":" + std::to_string(count_of(results, Status::warn)) +
           ",\"skipped\":" + std::to_string(count_of(results, Status::skip)) + ",\"checks\":[";
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (i > 0) out += ',';
        out += '{';
        append_member(out, "name", results[i].check);
        out += ',';
        append_member(out, "status", lower(word_of(results[i].verdict.status)));
        out += ',';
        append_member(out, "reason", results[i].verdict.reason);
        out += '}';
    }
    return out + "]}";
}

}  // namespace volley::cli::conformance
