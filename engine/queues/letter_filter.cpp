#include "queues/letter_filter.hpp"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <chrono>

#include "config/diagnostics.hpp"
#include "queues/times.hpp"
#include "text/json_text.hpp"

namespace volley::queues {

namespace {

// Texts and numbers as they are written, everything else as JSON.
std::string shown(const rapidjson::Value& value) {
    if (value.IsString()) return {value.GetString(), value.GetStringLength()};
    return text::as_written(value, nullptr);
}

// "-" is a letter that does not say, as lists show it.
bool fits(const std::string& wanted, std::string_view said) {
    return wanted.empty() || (wanted == "-" ? said.empty() : said == wanted);
}

Result<std::optional<std::int64_t>> read_time(const std::string& option, const std::string& text) {
    using namespace std::chrono;
    if (text.empty()) return std::optional<std::int64_t>();
    const auto time =
        parse_time(text, duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
    if (time) return time;
    return Error(ErrorCode::config, option + ": " + config::in_quotes(text) +
                                        " is no time; write 2026-11-24T10:00:00Z, or 90m for so long ago");
}

}  // namespace

Result<LetterFilter> LetterFilter::make(const LetterChoice& choice, const std::string& option_prefix) {
    LetterFilter filter;
    filter.reason_ = choice.reason;
    filter.component_ = choice.component;
    const auto since = read_time(option_prefix + "since", choice.since);
    if (!since) return since.error();
    filter.since_ms_ = *since;
    const auto before = read_time(option_prefix + "before", choice.before);
    if (!before) return before.error();
    filter.before_ms_ = *before;
    for (const std::string& match : choice.matches) {
        const std::size_t equals = match.find('=');
        const std::string pointer = match.substr(0, equals);
        const bool is_pointer = rapidjson::Pointer(pointer.c_str(), pointer.size()).IsValid();
        if (equals == std::string::npos || !is_pointer)
            return Error(ErrorCode::config,
                         option_prefix + "match: " + config::in_quotes(match) +
                             " is no match; write /customer/id=17, a JSON pointer into the body");
        filter.bodies_.emplace_back(pointer, match.substr(equals + 1));
    }
    return filter;
}

bool LetterFilter::matches(const Letter& letter) const {
    if (!fits(reason_, letter.said("reason")) || !fits(component_, letter.said("component"))) return false;
    if (since_ms_ || before_ms_) {
        const auto failed = parse_time(letter.said("failed-at"), 0);
        if (since_ms_ && (!failed || *failed < *since_ms_)) return false;
        if (before_ms_ && failed && *failed >= *before_ms_) return false;
    }
    if (bodies_.empty()) return true;
    rapidjson::Document body;
    const std::string text = letter.body.value_or("");
    body.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(text.c_str(),
                                                                                       text.size());
    if (body.HasParseError()) return false;
    for (const auto& [pointer, wanted] : bodies_) {
        const rapidjson::Value* found = rapidjson::Pointer(pointer.c_str(), pointer.size()).Get(body);
        if (found == nullptr || shown(*found) != wanted) return false;
    }
    return true;
}

}  // namespace volley::queues
