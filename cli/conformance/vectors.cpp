#include "conformance/vectors.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>

#include "conformance/embedded.hpp"
#include "conformance/verdict.hpp"
#include "handlers/json_cursor.hpp"

namespace volley::cli::conformance {

namespace {

using handlers::Answer;
using handlers::JsonCursor;
using Kind = Answer::Kind;

std::string text_member(const rapidjson::Document& from, const char* name) {
    const auto found = from.FindMember(name);
    return found != from.MemberEnd() && found->value.IsString() ? found->value.GetString() : "";
}

std::vector<std::string> list_member(const rapidjson::Document& from, const char* name) {
    std::vector<std::string> out;
    for (const auto& one : from[name].GetArray()) out.emplace_back(one.GetString(), one.GetStringLength());
    return out;
}

std::uint64_t number_of(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::done:
            return "done";
        case Kind::retry:
            return "retry";
        case Kind::fail:
            return "fail";
        case Kind::drop:
            return "drop";
        case Kind::skipped:
            return "skipped";
        case Kind::hello:
            break;
    }
    return "the line of abilities";
}

std::string shown(const std::optional<std::string>& text) { return text ? excerpt(*text) : "none"; }

std::map<std::string, std::vector<std::optional<std::string>>> by_name(const Output& output) {
    std::map<std::string, std::vector<std::optional<std::string>>> out;
    for (const auto& [name, value] : output.headers) out[name].push_back(value);
    return out;
}

std::optional<std::string> header_difference(const Output& expected, const Output& came) {
    const auto wanted = by_name(expected);
    const auto got = by_name(came);
    for (const auto& [name, values] : wanted) {
        const auto found = got.find(name);
        if (found == got.end()) return "the header " + excerpt(name) + " is missing";
        if (found->second.size() != values.size())
            return "the header " + excerpt(name) + " has " + std::to_string(found->second.size()) +
                   " values instead of " + std::to_string(values.size());
        for (std::size_t i = 0; i < values.size(); ++i)
            if (found->second[i] != values[i])
                return "the header " + excerpt(name) + " is " + shown(found->second[i]) + " instead of " +
                       shown(values[i]);
    }
    for (const auto& [name, values] : got)
        if (wanted.find(name) == wanted.end()) return "the header " + excerpt(name) + " is new";
    return std::nullopt;
}

std::optional<std::string> output_difference(const Output& expected, const Output& came, Numbers numbers) {
    const bool same_body = expected.body == came.body ||
                           (expected.body && came.body && same_json(*expected.body, *came.body, numbers));
    if (!same_body) return "the body is " + shown(came.body) + " instead of " + shown(expected.body);
    if (expected.queue != came.queue)
        return "the queue is " + shown(came.queue) + " instead of " + shown(expected.queue);
    if (expected.key != came.key)
        return "the key is " + shown(came.key) + " instead of " + shown(expected.key);
    return header_difference(expected, came);
}

// Appends the message of a request object.
void add_message(std::vector<Sent>& out, JsonCursor& in) {
    Sent sent;
    std::string_view name;
    for (bool first = true; in.next_member(first, name);) {
        const std::string_view raw = in.value(handlers::deepest_body);
        if (name == "id") sent.id = number_of(raw);
        if (name == "call") sent.call = number_of(raw);
        if (name == "chain") sent.chain = static_cast<std::uint32_t>(number_of(raw));
    }
    out.push_back(sent);
}

}  // namespace

Vector read_vector(std::string_view json) {
    rapidjson::Document from;
    from.Parse(json.data(), json.size());
    if (from.HasParseError() || !from.IsObject()) throw std::runtime_error("a test vector is not JSON");
    for (const char* name : {"lines", "answers"}) {
        if (!from.HasMember(name) || !from[name].IsArray())
            throw std::runtime_error(std::string("a test vector has no list of ") + name);
    }
    Vector out;
    out.name = text_member(from, "name");
    out.about = text_member(from, "about");
    out.hint = text_member(from, "hint");
    out.needs = text_member(from, "needs");
    if (text_member(from, "numbers") == "values") out.numbers = Numbers::values;
    out.lines = list_member(from, "lines");
    out.answers = list_member(from, "answers");
    return out;
}

std::vector<Vector> all_vectors() {
    std::vector<Vector> out;
    for (const std::string_view json : embedded_vectors) out.push_back(read_vector(json));
    return out;
}

std::vector<Sent> messages_of(std::string_view line) {
    std::vector<Sent> out;
    JsonCursor in(line);
    constexpr std::string_view batch = "{\"batch\":[";
    constexpr std::string_view cancelled = "{\"cancelled\":";
    if (line.substr(0, cancelled.size()) == cancelled) return out;
    if (line.substr(0, batch.size()) != batch) {
        add_message(out, in);
        return out;
    }
    std::string_view name;
    for (bool first = true; in.next_member(first, name);)
        for (bool first_of_batch = true; in.next_element(first_of_batch);) add_message(out, in);
    return out;
}

std::optional<std::string> find_difference(const Spoken& expected, const Spoken& came, Numbers numbers) {
    if (expected.kind != came.kind)
        return std::string("it is ") + name_of(came.kind) + " instead of " + name_of(expected.kind);
    if (!expected.reason.empty() && expected.reason != came.reason)
        return "its reason is " + excerpt(came.reason) + " instead of " + excerpt(expected.reason);
    if (expected.after_ms != came.after_ms)
        return "its after_ms is " + std::to_string(came.after_ms) + " instead of " +
               std::to_string(expected.after_ms);
    if (expected.outputs.size() != came.outputs.size())
        return "it has " + std::to_string(came.outputs.size()) + " outputs instead of " +
               std::to_string(expected.outputs.size());
    for (std::size_t i = 0; i < expected.outputs.size(); ++i)
        if (auto difference = output_difference(expected.outputs[i], came.outputs[i], numbers))
            return difference;
    return std::nullopt;
}

}  // namespace volley::cli::conformance
