// Parses single values of the file: durations, sizes and JSON.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cmath>

#include "config/bind.hpp"
#include "text/number.hpp"

namespace volley::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// A number, which may have a fraction, and a unit, with optional spaces in between.
template <std::size_t n>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Unit (&units)[n]) {
    const text::Prefix number = text::decimal_prefix(text);
    if (number.size == 0) return std::nullopt;
    std::string_view unit = text.substr(number.size);
    while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
    for (const Unit& u : units) {
        if (u.name != unit) continue;
        const double value = number.value * static_cast<double>(u.factor);
        if (value > 1e15) return std::nullopt;
        return static_cast<std::uint64_t>(std::llround(value));
    }
    return std::nullopt;
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(Writer& writer, std::string_view text) {
    writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// By YAML 1.2: only true and false are booleans, and JSON numbers keep their digits. Everything else, and
// everything in quotes, is text. plugins::fit_config() converts values to the types of a connector's schema.
void write_scalar(Writer& writer, const Node& node) {
    const std::string& s = node.scalar;
    if (node.quoted)
        write_text(writer, s);
    else if (s == "true" || s == "false")
        writer.Bool(s == "true");
    else if (text::is_json_number(s))
        writer.RawValue(s.data(), s.size(), rapidjson::kNumberType);
    else
        write_text(writer, s);
}

void write(Writer& writer, const Node& node) {
    switch (node.kind) {
        case Node::Kind::null:
            writer.Null();
            break;
        case Node::Kind::scalar:
            write_scalar(writer, node);
            break;
        case Node::Kind::sequence:
            writer.StartArray();
            for (const Node& element : node.elements) write(writer, element);
            writer.EndArray();
            break;
        case Node::Kind::mapping:
            writer.StartObject();
            for (const auto& [key, value] : node.members) {
                write_text(writer, key.scalar);
                write(writer, value);
            }
            writer.EndObject();
    }
}

}  // namespace

std::optional<Milliseconds> parse_duration(std::string_view text) {
    static constexpr Unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    if (text == "0") return Milliseconds(0);
    const auto ms = parse_with_unit(text, units);
    if (!ms) return std::nullopt;
    return Milliseconds(static_cast<std::int64_t>(*ms));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    static constexpr Unit units[] = {
        {"", 1},      {"B", 1},     {"KiB", 1ULL << 10U}, {"MiB", 1ULL << 20U}, {"GiB", 1ULL << 30U},
        {"kB", 1000}, {"KB", 1000}, {"MB", 1'000'000},    {"GB", 1'000'000'000}};
    return parse_with_unit(text, units);
}

std::string to_json(const Node& node) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    write(writer, node);
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace volley::config
