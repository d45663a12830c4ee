#include "handlers/lines.hpp"

#include <catch2/catch.hpp>
#include <vector>

using volley::handlers::Line;
using volley::handlers::LineReader;

namespace {

// The lines of `bytes`, which come in pieces of so many.
std::vector<std::string> read(LineReader& reader, std::string_view bytes, std::size_t piece) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        reader.append(bytes.substr(at, piece));
        while (const auto line = reader.next())
            lines.push_back((line->is_cut ? "cut:" : "") + std::string(line->text));
    }
    return lines;
}

}  // namespace

TEST_CASE("lines come whole, however the bytes come") {
    for (std::size_t piece = 1; piece < 20; ++piece) {
        LineReader reader(100);
        CHECK(read(reader, "one\n\ntwo\r\nthree", piece) == std::vector<std::string>{"one", "", "two\r"});
        CHECK(reader.is_inside());
        CHECK(read(reader, "\n", piece) == std::vector<std::string>{"three"});
        CHECK(!reader.is_inside());
    }
}

TEST_CASE("a line that is too long is handed out cut, once, and the next one is whole") {
    const std::string bytes = "ok\n" + std::string(50, 'x') + "\nfine\n" + std::string(11, 'y') + "\n" +
                              std::string(10, 'z') + "\n";
    for (std::size_t piece = 1; piece < 80; ++piece) {
        INFO(piece);
        LineReader reader(10);
        CHECK(read(reader, bytes, piece) ==
              std::vector<std::string>{"ok", "cut:xxxxxxxxxx", "fine", "cut:yyyyyyyyyy", "zzzzzzzzzz"});
    }
}
