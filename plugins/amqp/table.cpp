#include "table.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "connection.hpp"
#include "volley/utf8.hpp"

namespace volley::amqp {

namespace {

// An untrusted table may nest as deep as its bytes allow.
constexpr int deepest = 32;

void append_json(std::string& out, const amqp_field_value_t& value, int depth);

// Invalid UTF-8 becomes the replacement character.
void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        const char c = text[at];
        if (length == 0) {
            out += "\xef\xbf\xbd";
        } else if (length > 1) {
            out += text.substr(at, length);
        } else if (c == '"' || c == '\\') {
            (out += '\\') += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
            out += escaped;
        } else {
            out += c;
        }
        at += std::max<std::size_t>(length, 1);
    }
    out += '"';
}

std::string number(double value) {
    char text[32];
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// A value other than a string, table, array or void.
std::string scalar(const amqp_field_value_t& value) {
    switch (value.kind) {
        case AMQP_FIELD_KIND_BOOLEAN:
            return value.value.boolean != 0 ? "true" : "false";
        case AMQP_FIELD_KIND_U64:
        case AMQP_FIELD_KIND_TIMESTAMP:
            return std::to_string(value.value.u64);
        case AMQP_FIELD_KIND_F32:
            return number(static_cast<double>(value.value.f32));
        case AMQP_FIELD_KIND_F64:
            return number(value.value.f64);
        case AMQP_FIELD_KIND_DECIMAL: {
            std::string digits = std::to_string(value.value.decimal.value);
            const std::size_t decimals = value.value.decimal.decimals;
            if (decimals == 0) return digits;
            if (digits.size() <= decimals) digits.insert(0, decimals + 1 - digits.size(), '0');
            return digits.insert(digits.size() - decimals, 1, '.');
        }
        default:
            return std::to_string(number_of_value(value));
    }
}

bool is_text(const amqp_field_value_t& value) {
    return value.kind == AMQP_FIELD_KIND_UTF8 || value.kind == AMQP_FIELD_KIND_BYTES;
}

void append_table(std::string& out, const amqp_table_t& table, int depth) {
    out += '{';
    for (int i = 0; i < table.num_entries; ++i) {
        if (i > 0) out += ',';
        append_quoted(out, text_of(table.entries[i].key));
        out += ':';
        append_json(out, table.entries[i].value, depth + 1);
    }
    out += '}';
}

void append_json(std::string& out, const amqp_field_value_t& value, int depth) {
    if (depth > deepest || value.kind == AMQP_FIELD_KIND_VOID) {
        out += "null";
    } else if (is_text(value)) {
        append_quoted(out, text_of(value.value.bytes));
    } else if (value.kind == AMQP_FIELD_KIND_TABLE) {
        append_table(out, value.value.table, depth);
    } else if (value.kind == AMQP_FIELD_KIND_ARRAY) {
        out += '[';
        for (int i = 0; i < value.value.array.num_entries; ++i) {
            if (i > 0) out += ',';
            append_json(out, value.value.array.entries[i], depth + 1);
        }
        out += ']';
    } else {
        const std::string text = scalar(value);
        // JSON has no infinity.
        out += text.find_first_of("in") == std::string::npos || text == "true" || text == "false" ? text
                                                                                                  : "null";
    }
}

}  // namespace

std::int64_t number_of_value(const amqp_field_value_t& value) {
    switch (value.kind) {
        case AMQP_FIELD_KIND_I8:
            return value.value.i8;
        case AMQP_FIELD_KIND_U8:
            return value.value.u8;
        case AMQP_FIELD_KIND_I16:
            return value.value.i16;
        case AMQP_FIELD_KIND_U16:
            return value.value.u16;
        case AMQP_FIELD_KIND_I32:
            return value.value.i32;
        case AMQP_FIELD_KIND_U32:
            return value.value.u32;
        case AMQP_FIELD_KIND_I64:
            return value.value.i64;
        case AMQP_FIELD_KIND_U64:
            return static_cast<std::int64_t>(std::min<std::uint64_t>(value.value.u64, INT64_MAX));
        default:
            return 0;
    }
}

std::string text_of_value(const amqp_field_value_t& value) {
    if (is_text(value)) return std::string(text_of(value.value.bytes));
    if (value.kind != AMQP_FIELD_KIND_TABLE && value.kind != AMQP_FIELD_KIND_ARRAY) return scalar(value);
    std::string out;
    append_json(out, value, 0);
    return out;
}

void add_headers(const amqp_table_entry_t& entry, std::vector<volley_header>& headers,
                 std::deque<std::string>& texts) {
    const volley_view name = view_of(texts.emplace_back(text_of(entry.key)));
    const amqp_field_value_t& value = entry.value;
    if (value.kind == AMQP_FIELD_KIND_VOID) {
        headers.push_back({name, {}});
        return;
    }
    const amqp_array_t& array = value.value.array;
    const auto is_text_or_void = [](const amqp_field_value_t& one) {
        return is_text(one) || one.kind == AMQP_FIELD_KIND_VOID;
    };
    if (value.kind == AMQP_FIELD_KIND_ARRAY && array.num_entries > 0 &&
        std::all_of(array.entries, array.entries + array.num_entries, is_text_or_void)) {
        for (int i = 0; i < array.num_entries; ++i) {
            volley_view one{};
            if (is_text(array.entries[i])) one = view_of(texts.emplace_back(text_of_value(array.entries[i])));
            headers.push_back({name, one});
        }
        return;
    }
    headers.push_back({name, view_of(texts.emplace_back(text_of_value(value)))});
}

std::uint64_t deaths_in(const amqp_field_value_t& x_death, std::string_view queue) {
    if (x_death.kind != AMQP_FIELD_KIND_ARRAY) return 0;
    std::uint64_t deaths = 0;
    for (int i = 0; i < x_death.value.array.num_entries; ++i) {
        const amqp_field_value_t& death = x_death.value.array.entries[i];
        if (death.kind != AMQP_FIELD_KIND_TABLE) continue;
        std::int64_t count = 0;
        bool is_here = false;
        for (int k = 0; k < death.value.table.num_entries; ++k) {
            const amqp_table_entry_t& field = death.value.table.entries[k];
            if (text_of(field.key) == "count") count = number_of_value(field.value);
            if (text_of(field.key) == "queue" && is_text(field.value))
                is_here = text_of(field.value.value.bytes) == queue;
        }
        if (is_here && count > 0) deaths += static_cast<std::uint64_t>(count);
    }
    return deaths;
}

void TableBuilder::add(std::string_view name, const volley_view& value) {
    amqp_field_value_t field{};
    const std::string_view text = volley::text_of(value);
    if (is_absent(value)) {
        field.kind = AMQP_FIELD_KIND_VOID;
    } else {
        field.kind = is_utf8(text) ? AMQP_FIELD_KIND_UTF8 : AMQP_FIELD_KIND_BYTES;
        field.value.bytes = bytes_of(text);
    }
    const auto same = std::find_if(entries_.begin(), entries_.end(),
                                   [name](const Entry& entry) { return entry.name == name; });
    if (same != entries_.end())
        same->values.push_back(field);
    else
        entries_.push_back({name, {field}});
}

void TableBuilder::add(std::string_view name, std::int64_t value) {
    amqp_field_value_t field{};
    field.kind = AMQP_FIELD_KIND_I64;
    field.value.i64 = value;
    entries_.push_back({name, {field}});
}

amqp_table_t TableBuilder::table() {
    table_.clear();
    for (Entry& entry : entries_) {
        amqp_table_entry_t one{};
        one.key = bytes_of(entry.name);
        if (entry.values.size() == 1) {
            one.value = entry.values.front();
        } else {
            one.value.kind = AMQP_FIELD_KIND_ARRAY;
            one.value.value.array = {static_cast<int>(entry.values.size()), entry.values.data()};
        }
        table_.push_back(one);
    }
    return {static_cast<int>(table_.size()), table_.data()};
}

}  // namespace volley::amqp
