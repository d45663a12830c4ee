// Properties and headers, without a broker.
#include "properties.hpp"

#include <catch2/catch.hpp>

#include "connection.hpp"

using namespace volley;
using namespace volley::amqp;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs headers_of(const Message& message) {
    Pairs out;
    for (const volley_header& h : message.headers)
        out.emplace_back(volley::text_of(h.name), is_absent(h.value) ? "absent" : volley::text_of(h.value));
    return out;
}

amqp_field_value_t text(std::string_view value) {
    amqp_field_value_t field{};
    field.kind = AMQP_FIELD_KIND_UTF8;
    field.value.bytes = bytes_of(value);
    return field;
}

amqp_field_value_t number(std::int64_t value) {
    amqp_field_value_t field{};
    field.kind = AMQP_FIELD_KIND_I64;
    field.value.i64 = value;
    return field;
}

amqp_field_value_t table_of(std::vector<amqp_table_entry_t>& entries) {
    amqp_field_value_t field{};
    field.kind = AMQP_FIELD_KIND_TABLE;
    field.value.table = {static_cast<int>(entries.size()), entries.data()};
    return field;
}

amqp_field_value_t array_of(std::vector<amqp_field_value_t>& values) {
    amqp_field_value_t field{};
    field.kind = AMQP_FIELD_KIND_ARRAY;
    field.value.array = {static_cast<int>(values.size()), values.data()};
    return field;
}

amqp_table_entry_t entry(std::string_view name, const amqp_field_value_t& value) {
    return {bytes_of(name), value};
}

}  // namespace

TEST_CASE("what is written is read back", "[amqp]") {
    const volley_header headers[] = {{view_of("a"), view_of("1")},
                                     {view_of("b"), {}},
                                     {view_of("a"), view_of("")},
                                     {view_of("binary"), view_of(std::string_view("\xff\0", 2))},
                                     {view_of("amqp.correlation_id"), view_of("c")},
                                     {view_of("amqp.priority"), view_of("7")},
                                     {view_of("amqp.expiration"), view_of("1")},
                                     {view_of("amqp.routing_key"), view_of("old")},
                                     {view_of("amqp.other"), view_of("kept")},
                                     {view_of("x-death"), view_of("forged")}};
    volley_record record{};
    record.key = view_of("k");
    record.headers = headers;
    record.header_count = 10;
    record.timestamp_ms = 1'700'000'000'999;
    const Properties properties(record, "id-1", true);
    CHECK(properties.refusal().empty());
    CHECK(properties.message_id() == "id-1");
    CHECK(properties.get().delivery_mode == 2);
    Message message;
    read_properties(message, properties.get(), "q");
    CHECK(message.has_key);
    CHECK(message.key == "k");
    CHECK(message.timestamp_ms == 1'700'000'000'000);
    CHECK(headers_of(message) == Pairs{{"amqp.correlation_id", "c"},
                                       {"amqp.message_id", "id-1"},
                                       {"amqp.priority", "7"},
                                       {"a", "1"},
                                       {"a", ""},
                                       {"b", "absent"},
                                       {"binary", std::string("\xff\0", 2)},
                                       {"amqp.other", "kept"}});
}

TEST_CASE("an output's own id is its message_id, unless it is too long", "[amqp]") {
    volley_record record{};
    record.id = view_of("own");
    CHECK(Properties(record, "fallback", false).message_id() == "own");
    const std::string longer(256, 'x');
    record.id = view_of(longer);
    CHECK(Properties(record, "fallback", false).message_id() == "fallback");
}

TEST_CASE("what does not fit into a frame is refused", "[amqp]") {
    const std::string name(256, 'n'), value(200'000, 'v');
    const volley_header long_name{view_of(name), view_of("")}, long_value{view_of("n"), view_of(value)};
    volley_record record{};
    record.header_count = 1;
    record.headers = &long_name;
    CHECK_FALSE(Properties(record, "id", true).refusal().empty());
    record.headers = &long_value;
    CHECK_FALSE(Properties(record, "id", true).refusal().empty());
}

TEST_CASE("tables and arrays become JSON", "[amqp]") {
    std::vector<amqp_field_value_t> values{number(1), text("a\"\n\xff")};
    std::vector<amqp_table_entry_t> entries{entry("k", array_of(values)),
                                            entry("v", {AMQP_FIELD_KIND_VOID, {}})};
    CHECK(text_of_value(table_of(entries)) == "{\"k\":[1,\"a\\\"\\u000a\xef\xbf\xbd\"],\"v\":null}");
    amqp_field_value_t decimal{};
    decimal.kind = AMQP_FIELD_KIND_DECIMAL;
    decimal.value.decimal = {2, 5};
    CHECK(text_of_value(decimal) == "0.05");
    amqp_field_value_t infinite{};
    infinite.kind = AMQP_FIELD_KIND_F64;
    infinite.value.f64 = 1e308 * 10;
    std::vector<amqp_field_value_t> with_infinite{infinite};
    CHECK(text_of_value(array_of(with_infinite)) == "[null]");
}

TEST_CASE("a table that nests deeply does not exhaust the stack", "[amqp]") {
    std::deque<std::vector<amqp_field_value_t>> levels;
    levels.push_back({number(1)});
    for (int i = 0; i < 100'000; ++i) levels.push_back({array_of(levels.back())});
    CHECK(text_of_value(array_of(levels.back())).size() < 100);
}

TEST_CASE("deliveries before this one: redelivered, quorum queues' count, deaths in this queue", "[amqp]") {
    const auto deliveries = [](std::vector<amqp_table_entry_t> headers, bool is_redelivered) {
        amqp_basic_properties_t p{};
        p._flags = AMQP_BASIC_HEADERS_FLAG;
        p.headers = {static_cast<int>(headers.size()), headers.data()};
        Message message;
        read_delivery(message, "", "q", is_redelivered);
        read_properties(message, p, "q");
        volley_message out{};
        message.show(out, false);
        return out.delivery_count;
    };
    CHECK(deliveries({}, false) == 1);
    CHECK(deliveries({}, true) == 2);
    CHECK(deliveries({entry("x-delivery-count", number(4))}, true) == 5);
    CHECK(deliveries({entry("x-delivery-count", number(-4))}, false) == 1);
    std::vector<amqp_table_entry_t> here{entry("queue", text("q")), entry("count", number(3))};
    std::vector<amqp_table_entry_t> elsewhere{entry("queue", text("other")), entry("count", number(9))};
    std::vector<amqp_field_value_t> deaths{table_of(here), table_of(elsewhere), text("nonsense")};
    CHECK(deliveries({entry("x-death", array_of(deaths))}, false) == 4);
    CHECK(deliveries({entry("x-death", text("nonsense"))}, false) == 1);
}
