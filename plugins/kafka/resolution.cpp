#include "resolution.hpp"

#include <algorithm>
#include <charconv>

namespace volley::kafka {

namespace {

// Parses a number at the start of `text`, and removes it.
template <typename Number>
bool parse_number(std::string_view& text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || out < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool parse_char(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected) return false;
    text.remove_prefix(1);
    return true;
}

bool parse_id(std::string_view& text, RecordId& out) {
    const std::size_t slash = text.find('/');  // topic names cannot contain it
    if (slash == std::string_view::npos || slash == 0) return false;
    out.topic = text.substr(0, slash);
    text.remove_prefix(slash + 1);
    return parse_number(text, out.partition) && parse_char(text, '/') && parse_number(text, out.offset);
}

}  // namespace

std::string to_text(const RecordId& id) {
    return id.topic + '/' + std::to_string(id.partition) + '/' + std::to_string(id.offset);
}

std::optional<RecordId> parse_record_id(std::string_view text) {
    RecordId id;
    if (!parse_id(text, id) || !text.empty()) return std::nullopt;
    return id;
}

std::string to_text(const Resolution& resolution) {
    const std::string first = to_text(resolution.first);
    return resolution.last == resolution.first.offset ? first : first + '-' + std::to_string(resolution.last);
}

std::optional<Resolution> parse_resolution(std::string_view text) {
    Resolution resolution;
    if (!parse_id(text, resolution.first)) return std::nullopt;
    resolution.last = resolution.first.offset;
    if (text.empty()) return resolution;
    if (!parse_char(text, '-') || !parse_number(text, resolution.last) || !text.empty()) return std::nullopt;
    return resolution;
}

bool is_resolution(const volley_message& message) {
    return message.header_count == 1 && text_of(message.headers[0].name) == resolution_header &&
           text_of(message.headers[0].value) == text_of(message.key) &&
           parse_resolution(text_of(message.key));
}

void Offsets::add(std::int64_t first, std::int64_t last) {
    if (last < first) return;
    auto next = intervals_.upper_bound(first);
    if (next != intervals_.begin() && std::prev(next)->second >= first - 1) --next;
    while (next != intervals_.end() && next->first <= last + 1) {
        first = std::min(first, next->first);
        last = std::max(last, next->second);
        next = intervals_.erase(next);
    }
    intervals_[first] = last;
}

bool Offsets::has(std::int64_t offset) const {
    const auto next = intervals_.upper_bound(offset);
    return next != intervals_.begin() && std::prev(next)->second >= offset;
}

}  // namespace volley::kafka
