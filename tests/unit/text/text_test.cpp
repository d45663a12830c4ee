#include "text/text.hpp"

#include <catch2/catch.hpp>

#include "text/escape.hpp"
#include "text/json_text.hpp"
#include "text/number.hpp"

using namespace volley;

namespace {

// Each is no UTF-8, and looks like it to a reader that only counts continuation bytes.
const std::string impostors[] = {"\xed\xa0\x80",
                                 "\xed\xb5\xb9",
                                 "\xf4\x90\x80\x80",
                                 "\xc0\xaf",
                                 "\xe0\x80\xaf",
                                 "\xf0\x80\x80\xaf",
                                 "\xf8\x88\x80\x80\x80",
                                 "\xff",
                                 "\xe2\x82",
                                 "\xf5\x80\x80\x80",
                                 "\x80",
                                 "\xc1\xbf"};
const std::string genuine[] = {"",
                               "a",
                               "\xc2\x80",
                               "\xdf\xbf",
                               "\xe0\xa0\x80",
                               "\xed\x9f\xbf",
                               "\xee\x80\x80",
                               "\xef\xbf\xbf",
                               "\xf0\x90\x80\x80",
                               "\xf4\x8f\xbf\xbf",
                               "\xef\xbb\xbfx"};

std::string escaped(std::string_view bytes, std::size_t longest = 1000) {
    std::string out;
    text::append_escaped(out, bytes, longest, text::Quotes::escaped);
    return out;
}

}  // namespace

TEST_CASE("surrogates, overlong forms and what is above U+10FFFF are no UTF-8, wherever they stand") {
    for (const std::string& bytes : impostors) {
        for (const std::size_t before : {0U, 1U, 7U, 8U, 13U}) {
            const std::string front(before, 'x');
            CHECK_FALSE(text::is_utf8(front + bytes + "tail of the text"));
            CHECK(text::utf8_prefix(front + bytes) == before);
        }
    }
    for (const std::string& bytes : genuine) CHECK(text::is_utf8("eight to" + bytes + bytes + " come"));
}

TEST_CASE("an escaped line is UTF-8 and JSON, whatever the bytes") {
    for (const std::string& bytes : impostors) {
        const std::string line = escaped("before " + bytes + " after \"quoted\" \x1b[31m\x7f");
        CHECK(text::is_utf8(line));
        CHECK_FALSE(text::JsonText('"' + line + '"').tree.HasParseError());
    }
    CHECK(escaped("\xed\xb5\xb9") == "\\u00ed\\u00b5\\u00b9");
    CHECK(escaped("\xc2\x9b"
                  "2J") == "\\u009b2J");
    for (const std::string& bytes : genuine) CHECK(text::is_utf8(escaped(bytes)));
}

TEST_CASE("what is cut is cut between characters") {
    const std::string text = "ab\xe2\x82\xac\xf0\x9f\x98\x80";
    CHECK(escaped(text, 2) == "ab…");
    CHECK(escaped(text, 3) == "ab…");
    CHECK(escaped(text, 4) == "ab…");
    CHECK(escaped(text, 5) == "ab€…");
    CHECK(escaped(text, 8) == "ab€…");
    CHECK(escaped(text, 9) == text);
    CHECK(escaped("\x80\x80\x80", 1) == "\\u0080…");
}

TEST_CASE("a number is read in the spellings of people and serializers, and never as another number") {
    const std::pair<const char*, const char*> read[] = {
        {"90000", "90000"}, {"90000.0", "90000"}, {"9e4", "90000"},
        {"1e3", "1000"},    {"1E+3", "1000"},     {"90_000", "90000"},
        {"+7", "7"},        {"-7", "-7"},         {"-0", "0"},
        {"0x10", "16"},     {"0X1f", "31"},       {".5", "0.5"},
        {"1.10", "1.10"},   {"1.", "1"},          {"0.000", "0"},
        {"12.50", "12.50"}, {"1.5e1", "15"},      {"1.5e-1", "1.5e-1"},
        {"100e-2", "1"},    {"0", "0"},           {"123456789012345678901", "123456789012345678901"}};
    for (const auto& [text, json] : read) CHECK(text::number_as_json(text) == std::string(json));
    for (const char* text :
         {"",   "-",   "+",  ".",  "e3",    "010", "00",  "007", "0x",    "0xg", "1__0",  "_1",  "1_",
          "1e", "1e+", "1 ", " 1", "1,000", "0b1", "inf", "nan", "1e999", "--1", "1.2.3", "0_1", "１"})
        CHECK_FALSE(text::number_as_json(text));
    CHECK(text::whole_number("8.0") == 8U);
    CHECK(text::whole_number("18446744073709551615") == 18446744073709551615U);
    for (const char* text : {"-1", "8.5", "18446744073709551616", "1e-1", "abc"})
        CHECK_FALSE(text::whole_number(text));
}

TEST_CASE("a number of JSON is told from its look-alikes") {
    for (const char* text : {"0", "-0", "10", "1.10", "-1.5e-3", "1E5", "12345678901234567890123"})
        CHECK(text::is_json_number(text));
    for (const char* text :
         {"", "-", "01", "1.", ".5", "+1", "1e", "1_000", "0x10", "1e999", "1.1.1", "1e5.3", "NaN"})
        CHECK_FALSE(text::is_json_number(text));
}

TEST_CASE("numbers in JSON keep their digits, at any depth") {
    const std::string json = R"({"a":1.10,"b":[0.50,{"c":123456789012345678901,"d":1E5}],"e":"1.10"})";
    const text::JsonText read(json);
    CHECK(text::as_written(read.tree, &read.digits) == json);
}
