#include "handlers/request.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "handlers/json_cursor.hpp"
#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::handlers {

namespace {

// "name":"text" or "name_base64":"…".
void append_bytes(std::string& out, std::string_view name, std::string_view bytes) {
    const bool utf8 = text::is_utf8(bytes);
    out += '"';
    out += name;
    out += utf8 ? "\":" : "_base64\":";
    if (utf8)
        append_json_string(out, bytes);
    else
        out += '"' + text::base64(bytes) + '"';
}

// A line break in JSON is white space between tokens. Replacing it keeps the body on one line.
void append_json_line(std::string& out, std::string_view json) {
    const std::size_t begin = out.size();
    out += json;
    for (std::size_t i = begin; i < out.size(); ++i) {
        if (out[i] == '\n' || out[i] == '\r') out[i] = ' ';
    }
}

// The name or value of a header: a string, {"base64":"…"} if it is not UTF-8, or null if there is no value.
void append_header_text(std::string& out, const volley_view& view) {
    if (is_absent(view)) {
        out += "null";
    } else if (const std::string_view bytes = text_of(view); text::is_utf8(bytes)) {
        append_json_string(out, bytes);
    } else {
        out += "{\"base64\":\"" + text::base64(bytes) + "\"}";
    }
}

// For each header the next one of the same name, and whether it is the first of its name.
struct Repeats {
    static constexpr std::uint32_t none = ~0U;
    std::vector<std::uint32_t> next;
    std::vector<bool> is_first;

    void find(const volley_header* headers, std::uint32_t count) {
        next.assign(count, none);
        is_first.assign(count, true);
        constexpr std::uint32_t few = 16;  // up to this number all pairs are compared, without allocation
        if (count > few) return find_many(headers, count);
        for (std::uint32_t i = 1; i < count; ++i) {
            for (std::uint32_t before = i; before-- > 0 && is_first[i];) {
                if (text_of(headers[before].name) != text_of(headers[i].name)) continue;
                next[before] = i;
                is_first[i] = false;
            }
        }
    }

private:
    void find_many(const volley_header* headers, std::uint32_t count) {
        std::unordered_map<std::string_view, std::uint32_t> last;
        for (std::uint32_t i = 0; i < count; ++i) {
            const auto [found, is_new] = last.try_emplace(text_of(headers[i].name), i);
            if (is_new) continue;
            next[found->second] = i;
            is_first[i] = false;
            found->second = i;
        }
    }
};

// Headers as an object. The values of a repeated name are a list.
void append_header_object(std::string& out, const volley_message& m) {
    thread_local Repeats repeats;
    repeats.find(m.headers, m.header_count);
    out += '{';
    for (std::uint32_t i = 0; i < m.header_count; ++i) {
        if (!repeats.is_first[i]) continue;
        if (out.back() != '{') out += ',';
        append_json_string(out, text_of(m.headers[i].name));
        out += ':';
        const bool repeated = repeats.next[i] != Repeats::none;
        if (repeated) out += '[';
        append_header_text(out, m.headers[i].value);
        for (std::uint32_t k = repeats.next[i]; k != Repeats::none; k = repeats.next[k]) {
            out += ',';
            append_header_text(out, m.headers[k].value);
        }
        if (repeated) out += ']';
    }
    out += '}';
}

// Headers as pairs, because a name that is not UTF-8 cannot be a key.
void append_header_pairs(std::string& out, const volley_message& m) {
    out += '[';
    for (std::uint32_t i = 0; i < m.header_count; ++i) {
        out += i == 0 ? "[" : ",[";
        append_header_text(out, view_of(text_of(m.headers[i].name)));
        out += ',';
        append_header_text(out, m.headers[i].value);
        out += ']';
    }
    out += ']';
}

void append_headers(std::string& out, const volley_message& m) {
    out += "\"headers\":";
    const bool names_are_text = std::all_of(m.headers, m.headers + m.header_count, [](const auto& header) {
        return text::is_utf8(text_of(header.name));
    });
    if (names_are_text)
        append_header_object(out, m);
    else
        append_header_pairs(out, m);
    out += ',';
}

void append_number(std::string& out, std::string_view name, std::int64_t number) {
    out += ",\"";
    out += name;
    out += "\":" + std::to_string(number);
}

// Where the message is from: only what its store knows.
void append_source(std::string& out, std::string_view queue, const volley_message& m) {
    out += "\"source\":{";
    append_bytes(out, "queue", is_absent(m.source) ? queue : text_of(m.source));
    if (!is_absent(m.id)) {
        out += ',';
        append_bytes(out, "id", text_of(m.id));
    }
    if (m.partition >= 0) append_number(out, "partition", m.partition);
    if (m.offset >= 0) append_number(out, "offset", m.offset);
    if (m.timestamp_ms > 0) append_number(out, "timestamp_ms", m.timestamp_ms);
    if (m.delivery_count > 0) append_number(out, "deliveries", m.delivery_count);
    out += "},";
}

}  // namespace

void append_request(std::string& out, const Request& request, const volley_message& m) {
    out += "{\"id\":\"" + std::to_string(request.id) + "\",";
    if (request.group != 0) {
        out +=
            "\"call\":" + std::to_string(request.call) + ",\"chain\":" + std::to_string(request.group) + ',';
    }
    if (!is_absent(m.key)) {
        append_bytes(out, "key", text_of(m.key));
        out += ',';
    }
    if (m.header_count > 0) append_headers(out, m);
    if (!request.queue.empty()) append_source(out, request.queue, m);
    out += "\"attempt\":" + std::to_string(request.attempt) + ",";
    if (is_absent(m.body)) {
        out += "\"tombstone\":true,\"body\":null";
    } else if ((m.flags & VOLLEY_MESSAGE_JSON) != 0) {
        out += "\"body\":";
        append_json_line(out, text_of(m.body));
    } else {
        const std::string_view bytes = text_of(m.body);
        if (text::is_utf8(bytes)) {
            out += "\"text\":";
            append_json_string(out, bytes);
        } else {
            out += "\"base64\":\"" + text::base64(bytes) + '"';
        }
    }
    out += "}\n";
}

void append_cancelled(std::string& out, std::uint64_t id) {
    out += "{\"cancelled\":\"" + std::to_string(id) + "\"}\n";
}

}  // namespace volley::handlers
