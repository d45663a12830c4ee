#include "testing/junit.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "text/text.hpp"

namespace volley::cli::testing {

namespace {

// XML has no way to write most control characters.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text::safe(text)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else if (byte < 0x20 && c != '\n' && c != '\t')
            out += '?';
        else
            out += c;
    }
    return out;
}

std::string seconds_text(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", seconds);
    return text;
}

std::string counts(const std::vector<Result>& results) {
    const auto failed = std::count_if(results.begin(), results.end(),
                                      [](const Result& r) { return !r.has_passed && !r.is_error; });
    const auto errors =
        std::count_if(results.begin(), results.end(), [](const Result& r) { return r.is_error; });
    return " tests=\"" + std::to_string(results.size()) + "\" failures=\"" + std::to_string(failed) +
           "\" errors=\"" + std::to_string(errors) + "\"";
}

void append_case(std::string& out, const Result& result) {
    out += "    <testcase classname=\"" + escaped(result.file) + "\" name=\"" + escaped(result.name) +
           "\" file=\"" + escaped(result.file) + "\" time=\"" + seconds_text(result.seconds) + "\"";
    if (result.has_passed) {
        out += "/>\n";
        return;
    }
    const std::string kind = result.is_error ? "error" : "failure";
    const std::string first = result.report.substr(0, result.report.find('\n'));
    const std::size_t begin = std::min(first.find_first_not_of(' '), first.size());
    out += ">\n      <" + kind + " message=\"" + escaped(first.substr(begin)) + "\">" +
           escaped(result.report) + "</" + kind + ">\n";
    if (!result.log.empty()) out += "      <system-err>" + escaped(result.log) + "</system-err>\n";
    out += "    </testcase>\n";
}

}  // namespace

std::string to_junit(const std::vector<Result>& results) {
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" + counts(results) + ">\n";
    for (std::size_t i = 0; i < results.size();) {
        std::vector<Result> of_file;
        const std::string& file = results[i].file;
        for (; i < results.size() && results[i].file == file; ++i) of_file.push_back(results[i]);
        out += "  <testsuite name=\"" + escaped(file) + "\"" + counts(of_file) + ">\n";
        for (const Result& result : of_file) append_case(out, result);
        out += "  </testsuite>\n";
    }
    return out + "</testsuites>\n";
}

}  // namespace volley::cli::testing
