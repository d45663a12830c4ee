#include "letter_filter.hpp"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <chrono>

#include "config/diagnostics.hpp"
#include "text/json_text.hpp"
#include "times.hpp"

namespace volley::cli {

namespace {

// Texts and numbers as they are written, everything else as JSON.
std::string shown(const rapidjson::Value& value) {
    if (value.IsString()) return {value.GetString(), value.GetStringLength()};
    return text::as_written(value, nullptr);
}

}  // namespace

Result<LetterFilter> LetterFilter::make(std::string reason, const std::string& since,
                                        const std::vector<std::string>& matches) {
    using namespace std::chrono;
    LetterFilter filter;
    filter.reason_ = std::move(reason);
    if (!since.empty()) {
        filter.since_ms_ =
            parse_time(since, duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
        if (!filter.since_ms_)
            return Error(ErrorCode::config,
                         "--since: " + config::in_quotes(since) +
                             " is no time; write 2026-11-24T10:00:00Z, or 90m for so long ago");
    }
    for (const std::string& match : matches) {
        const std::size_t equals = match.find('=');
        const std::string pointer = match.substr(0, equals);
        const bool is_pointer = rapidjson::Pointer(pointer.c_str(), pointer.size()).IsValid();
        if (equals == std::string::npos || !is_pointer)
            return Error(ErrorCode::config,
                         "--match: " + config::in_quotes(match) +
                             " is no match; write /customer/id=17, a JSON pointer into the body");
        filter.bodies_.emplace_back(pointer, match.substr(equals + 1));
    }
    return filter;
}

bool LetterFilter::matches(const Letter& letter) const {
    if (!reason_.empty() && letter.said("reason") != reason_) return false;
    if (since_ms_) {
        const auto failed = parse_time(letter.said("failed-at"), 0);
        if (!failed || *failed < *since_ms_) return false;
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

}  // namespace volley::cli
