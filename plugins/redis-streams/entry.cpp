#include "entry.hpp"

#include <algorithm>
#include <charconv>

#include "reply.hpp"

namespace volley::streams {

namespace {

constexpr std::string_view tombstone = "tombstone";
constexpr std::string_view header_prefix = "h:";
constexpr std::string_view null_header_prefix = "n:";
constexpr std::string_view yes = "1";

bool begins_with(std::string_view text, std::string_view prefix) {
    return text.substr(0, prefix.size()) == prefix;
}

std::int64_t time_of(std::string_view id) {
    std::int64_t ms = 0;
    std::from_chars(id.data(), id.data() + id.size(), ms);
    return ms;
}

}  // namespace

bool is_reserved_field(std::string_view name) {
    return name == tombstone || begins_with(name, header_prefix) || begins_with(name, null_header_prefix);
}

Fields fields_of(const volley_record& record, const Layout& layout) {
    Fields out;
    const auto add = [&out](std::string_view name, std::string_view value) {
        out.words.push_back(name);
        out.words.push_back(value);
    };
    if (is_absent(record.body))
        add(tombstone, yes);
    else
        add(layout.body_field, volley::text_of(record.body));
    if (!is_absent(record.key)) add(layout.key_field, volley::text_of(record.key));
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        const volley_header& header = record.headers[i];
        const std::string_view prefix = is_absent(header.value) ? null_header_prefix : header_prefix;
        std::string& name = out.names.emplace_back(prefix);
        name += volley::text_of(header.name);
        add(name, volley::text_of(header.value));
    }
    return out;
}

bool is_entry(const redisReply& reply) {
    return has_form(reply, "sS") && reply.element[1]->elements % 2 == 0;
}

std::size_t bytes_of(const redisReply& entry) {
    std::size_t bytes = 0;
    const redisReply& fields = *entry.element[1];
    for (std::size_t i = 0; i < fields.elements; ++i) bytes += fields.element[i]->len;
    return bytes;
}

void fill_message(volley_message& message, const redisReply& entry, const Layout& layout,
                  std::deque<std::vector<volley_header>>& headers) {
    const std::string_view id = text_of(*entry.element[0]);
    message.id = view_of(id);
    message.timestamp_ms = time_of(id);
    message.partition = -1;
    message.offset = -1;
    std::vector<volley_header> found;
    const redisReply& fields = *entry.element[1];
    for (std::size_t i = 0; i + 1 < fields.elements; i += 2) {
        const std::string_view name = text_of(*fields.element[i]);
        const volley_view value = view_of(text_of(*fields.element[i + 1]));
        if (name == layout.body_field && is_absent(message.body))
            message.body = value;
        else if (name == layout.key_field && is_absent(message.key))
            message.key = value;
        else if (begins_with(name, header_prefix))
            found.push_back({view_of(name.substr(header_prefix.size())), value});
        else if (begins_with(name, null_header_prefix))
            found.push_back({view_of(name.substr(null_header_prefix.size())), {}});
        else if (name != tombstone)
            found.push_back({view_of(name), value});
    }
    if (found.empty()) return;
    const auto& kept = headers.emplace_back(std::move(found));
    message.headers = kept.data();
    message.header_count = static_cast<std::uint32_t>(kept.size());
}

bool is_entry_id(std::string_view text) {
    const std::size_t hyphen = text.find('-');
    const auto is_number = [](std::string_view part) {
        return !part.empty() && part.size() <= 20 &&
               std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    return hyphen != std::string_view::npos && is_number(text.substr(0, hyphen)) &&
           is_number(text.substr(hyphen + 1));
}

}  // namespace volley::streams
