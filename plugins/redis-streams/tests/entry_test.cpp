// The layout of entries, without a server.
#include "entry.hpp"

#include <catch2/catch.hpp>

#include "reply.hpp"

using namespace volley;
using namespace volley::streams;

namespace {

// Parses an entry as Redis would send it.
Reply entry_of(const std::vector<std::string_view>& words) {
    const auto bulk = [](std::string_view text) {
        return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
    };
    std::string bytes = "*2\r\n" + bulk("1700000000123-7") + "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string_view word : words) bytes += bulk(word);
    redisReader* reader = redisReaderCreate();
    void* parsed = nullptr;
    redisReaderFeed(reader, bytes.data(), bytes.size());
    redisReaderGetReply(reader, &parsed);
    redisReaderFree(reader);
    return Reply(static_cast<redisReply*>(parsed));
}

struct Decoded {
    explicit Decoded(const std::vector<std::string_view>& words, const Layout& layout = {})
        : entry(entry_of(words)) {
        REQUIRE(is_entry(*entry));
        fill_message(message, *entry, layout, headers);
    }
    std::vector<std::pair<std::string, std::string>> pairs() const {
        std::vector<std::pair<std::string, std::string>> out;
        for (std::uint32_t i = 0; i < message.header_count; ++i) {
            const volley_header& h = message.headers[i];
            out.emplace_back(volley::text_of(h.name),
                             is_absent(h.value) ? "absent" : volley::text_of(h.value));
        }
        return out;
    }
    Reply entry;
    std::deque<std::vector<volley_header>> headers;
    volley_message message{};
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

}  // namespace

TEST_CASE("what is written is read back", "[redis-streams]") {
    const volley_header headers[] = {{view_of("a"), view_of("1")},
                                     {view_of("a"), view_of("")},
                                     {view_of("h:n:"), {}},
                                     {view_of("body"), view_of(std::string_view("\0\r\n\xff", 4))}};
    volley_record record{};
    record.body = view_of("");
    record.key = view_of("k");
    record.headers = headers;
    record.header_count = 4;
    const Layout layout;  // the fields have its names
    const Fields fields = fields_of(record, layout);
    const Decoded read(fields.words);
    CHECK_FALSE(is_absent(read.message.body));
    CHECK(read.message.body.size == 0);
    CHECK(volley::text_of(read.message.key) == "k");
    CHECK(read.pairs() ==
          Pairs{{"a", "1"}, {"a", ""}, {"h:n:", "absent"}, {"body", std::string("\0\r\n\xff", 4)}});
    CHECK(read.message.timestamp_ms == 1'700'000'000'123);
    CHECK(volley::text_of(read.message.id) == "1700000000123-7");
}

TEST_CASE("a tombstone has no body and no header", "[redis-streams]") {
    const Layout layout;
    const Fields fields = fields_of(volley_record{}, layout);
    CHECK(fields.words == std::vector<std::string_view>{"tombstone", "1"});
    const Decoded read(fields.words);
    CHECK(is_absent(read.message.body));
    CHECK(is_absent(read.message.key));
    CHECK(read.message.header_count == 0);
}

TEST_CASE("an entry of another producer: a field is the body, the others are headers", "[redis-streams]") {
    const Decoded read({"unit", "C", "payload", "21", "payload", "22", "id", "x"}, {"payload", "id"});
    CHECK(volley::text_of(read.message.body) == "21");
    CHECK(volley::text_of(read.message.key) == "x");
    CHECK(read.pairs() == Pairs{{"unit", "C"}, {"payload", "22"}});
}

TEST_CASE("what is no entry is found out", "[redis-streams]") {
    CHECK_FALSE(is_entry(*entry_of({"odd"})));
    CHECK(is_entry_id("1-0"));
    for (const char* id : {"", "1", "-", "1-", "-1", "1-x", "1-0-0", "18446744073709551615999-0", "+"})
        CHECK_FALSE(is_entry_id(id));
}
