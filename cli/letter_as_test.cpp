#include "letter_as_test.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "config/bind.hpp"
#include "config/emit.hpp"
#include "config/tree.hpp"
#include "conformance/same_json.hpp"
#include "testing/shown.hpp"
#include "text/text.hpp"

namespace volley::cli {

namespace {

using conformance::Numbers;
using conformance::same_json;

// JSON is written as it is, to be edited, if YAML reads the same from it.
bool is_readable_as_yaml(const std::string& body) {
    if (body.find('\n') != std::string::npos || body.empty() || (body.front() != '{' && body.front() != '['))
        return false;
    config::Diagnostics diagnostics(body);
    const config::Node node = config::read_yaml("body: " + body, "", diagnostics);
    const config::Node* const read = node.find("body");
    return !diagnostics.has_errors() && read != nullptr &&
           same_json(config::to_json(*read), body, Numbers::digits);
}

std::string bytes_text(const std::string& name, const std::string& bytes) {
    if (!text::is_utf8(bytes)) return name + "_base64: " + config::emit_text(text::base64(bytes));
    return name + ": " + config::emit_text(bytes);
}

std::string body_text(const queues::Letter& letter) {
    if (!letter.body) return "body: null";
    if (is_readable_as_yaml(*letter.body)) return "body: " + *letter.body;
    return bytes_text("body", *letter.body);
}

std::string value_text(const std::optional<std::string>& value) {
    if (!value) return "null";
    return text::is_utf8(*value) ? config::emit_text(*value)
                                 : "{base64: " + config::emit_text(text::base64(*value)) + "}";
}

std::string headers_text(const queues::Letter& letter) {
    std::vector<std::string> names;
    std::map<std::string, std::string> values;
    std::map<std::string, int> counts;
    for (const codec::Header& header : letter.headers) {
        if (counts[header.name]++ == 0) names.push_back(header.name);
        std::string& text = values[header.name];
        text += (text.empty() ? "" : ", ") + value_text(header.value);
    }
    std::string out;
    for (const std::string& name : names) {
        const bool is_list = counts[name] > 1;
        out += "\n      " + config::emit_text(name) + ": " + (is_list ? "[" : "") + values[name] +
               (is_list ? "]" : "");
    }
    return out;
}

// Without what differs from run to run.
std::string error_text(std::string error) {
    error.resize(std::min(error.find('\n'), error.size()));
    error.resize(std::min(error.find("; the end of its standard error"), error.size()));
    return error;
}

std::uint32_t attempts_of(const queues::Letter& letter) {
    const std::string_view said = letter.said("attempts");
    std::uint32_t attempts = 0;
    std::from_chars(said.data(), said.data() + said.size(), attempts);
    return attempts;
}

// The delays of the component's backoff. Those that a handler asked for are not known.
std::string retries_text(const queues::Letter& letter, const Config& config) {
    constexpr std::uint32_t most = 100;
    const std::uint32_t attempts = attempts_of(letter);
    const auto found =
        std::find_if(config.components.begin(), config.components.end(),
                     [&](const ComponentConfig& c) { return c.name == letter.said("component"); });
    if (attempts < 2 || attempts > most || found == config.components.end()) return {};
    std::string out;
    Milliseconds delay = found->retry.initial_delay;
    for (std::uint32_t i = 1; i < attempts; ++i, delay *= 2) {
        delay = std::min(delay, found->retry.max_delay);
        out += (out.empty() ? "" : ", ") + testing::shown(delay);
    }
    return "  retries: {1: [" + out + "]}\n";
}

}  // namespace

std::string as_test(const queues::Letter& letter, const Config& config) {
    const std::string component(letter.said("component"));
    std::string out = "# Made from a dead letter by `volley dlq show --as-test`.\n";
    if (!letter.said("truncated-from").empty())
        out += "# The dead letter has only the begin of the body: complete it.\n";
    out += "name: " + config::emit_text("dead letter " + letter.id) + "\n";
    if (!component.empty()) out += "component: " + config::emit_text(component) + "\n";
    out += "given:\n  - " + body_text(letter) + "\n";
    if (letter.key) out += "    " + bytes_text("key", *letter.key) + "\n";
    if (!letter.headers.empty()) out += "    headers:" + headers_text(letter) + "\n";
    out += "expect:\n" + retries_text(letter, config) + "  dead_letters:\n    - message: 1";
    const std::string reason(letter.said("reason"));
    if (!reason.empty()) out += "\n      reason: " + config::emit_text(reason);
    if (const std::uint32_t attempts = attempts_of(letter); attempts > 0)
        out += "\n      attempts: " + std::to_string(attempts);
    const std::string error = error_text(std::string(letter.said("error")));
    if (!error.empty()) out += "\n      error: " + config::emit_text(error);
    return out;
}

}  // namespace volley::cli
