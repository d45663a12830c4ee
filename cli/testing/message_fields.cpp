#include "testing/message_fields.hpp"

#include "config/bind.hpp"
#include "text/text.hpp"

namespace volley::cli::testing {

using config::Diagnostics;
using config::Node;

namespace {

std::optional<std::string> read_base64(const Node& value, const Fields& fields) {
    if (value.kind == Node::Kind::scalar)
        if (auto bytes = text::from_base64(value.scalar)) return bytes;
    fields.wrong(value, "this is not base64", "`base64 FILE` writes it");
    return std::nullopt;
}

// Text is sent as it is; everything else is JSON.
Body body_of(const Node& value) {
    if (value.kind == Node::Kind::null) return {};
    if (value.kind == Node::Kind::scalar) return {Body::Kind::bytes, value.scalar};
    return {Body::Kind::json, config::to_json(value)};
}

std::optional<Body> read_body(const Fields& fields) {
    const Node* const coded = fields.value("body_base64");
    const Node* const plain = fields.find("body");
    if (coded != nullptr && plain != nullptr)
        fields.wrong(*coded, "\"body\" and \"body_base64\" are both given", "remove one of them");
    if (coded != nullptr) return Body{Body::Kind::bytes, read_base64(*coded, fields).value_or("")};
    if (plain != nullptr) return body_of(*plain);
    return std::nullopt;
}

std::optional<std::string> read_key(const Fields& fields) {
    if (const Node* const coded = fields.value("key_base64")) return read_base64(*coded, fields);
    return fields.text("key");
}

void read_header(const std::string& name, const Node& value, const Fields& fields,
                 std::vector<codec::Header>& out) {
    switch (value.kind) {
        case Node::Kind::null:
            out.push_back({name, std::nullopt});
            return;
        case Node::Kind::scalar:
            out.push_back({name, value.scalar});
            return;
        case Node::Kind::sequence:
            for (const Node& one : value.elements) {
                if (one.kind == Node::Kind::sequence)
                    fields.wrong(one, "a header's value must be a text", "write name: [first, second]");
                else
                    read_header(name, one, fields, out);
            }
            return;
        case Node::Kind::mapping:
            break;
    }
    const Node* const coded = value.find("base64");
    if (coded == nullptr || value.members.size() != 1)
        return fields.wrong(value, "a header's value must be a text", "or {base64: …} for other bytes");
    if (auto bytes = read_base64(*coded, fields)) out.push_back({name, std::move(*bytes)});
}

std::vector<codec::Header> read_headers(const Fields& fields) {
    std::vector<codec::Header> out;
    const Node* const headers = fields.value("headers");
    if (headers == nullptr) return out;
    if (headers->kind != Node::Kind::mapping) {
        fields.wrong(*headers, "\"headers\" must be a mapping from name to text", "write {name: value}");
        return out;
    }
    for (const auto& [name, value] : headers->members) read_header(name.scalar, value, fields, out);
    return out;
}

}  // namespace

Given read_given(const Node& node, const std::string& what, Diagnostics& diagnostics) {
    constexpr std::uint32_t most_deliveries = 1'000'000;
    const Fields fields(node, what, {"body", "body_base64", "key", "key_base64", "headers", "delivery_count"},
                        diagnostics);
    Given out;
    out.mark = node.mark;
    if (fields.find("body_base64") == nullptr) fields.require("body", "body: null is a tombstone");
    out.body = read_body(fields).value_or(Body());
    out.key = read_key(fields);
    out.headers = read_headers(fields);
    out.delivery_count = fields.number("delivery_count", 1, most_deliveries).value_or(1);
    return out;
}

ExpectedOutput read_output(const Node& node, const std::string& what, Diagnostics& diagnostics) {
    const Fields fields(node, what, {"body", "body_base64", "key", "key_base64", "headers", "delay"},
                        diagnostics);
    ExpectedOutput out;
    out.mark = node.mark;
    out.body = read_body(fields);
    out.key = read_key(fields);
    const Node* const key = fields.find("key");
    out.without_key = key != nullptr && key->kind == Node::Kind::null;
    out.headers = read_headers(fields);
    out.delay = fields.duration("delay");
    return out;
}

}  // namespace volley::cli::testing
