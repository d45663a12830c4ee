// The position file under torn writes and foreign content.
#include "position.hpp"

#include "folder.hpp"

using namespace volley;
using namespace volley::test;

namespace {

file::Position example(std::uint64_t position) {
    file::Position p;
    p.identity = "0123abcd";
    p.base = 77;
    p.position = position;
    p.file = {1, 2, 3};
    p.head = {4, 5};
    p.before = {6, 7};
    return p;
}

}  // namespace

TEST_CASE("a position is read as it was written", "[file]") {
    std::uint64_t sequence = 0;
    const auto read = file::parse_position(file::to_text(example(99), 5), sequence);
    REQUIRE(read);
    CHECK(sequence == 5);
    CHECK(read->identity == "0123abcd");
    CHECK(read->base == 77);
    CHECK(read->position == 99);
    CHECK(read->file == file::FileId{1, 2, 3});
    CHECK((read->head.size == 4 && read->head.hash == 5 && read->before.size == 6 && read->before.hash == 7));
}

TEST_CASE("no torn text is a position", "[file]") {
    const std::string text = file::to_text(example(123456), 5);
    std::uint64_t sequence = 0;
    const std::size_t used = text.find_last_not_of(" \n") + 1;
    for (std::size_t n = 0; n < used; ++n) CHECK_FALSE(file::parse_position(text.substr(0, n), sequence));
    std::string changed = text;
    changed[30] = changed[30] == '1' ? '2' : '1';
    CHECK_FALSE(file::parse_position(changed, sequence));
}

TEST_CASE("a torn write leaves the position before it", "[file]") {
    Folder folder;
    const std::string path = (folder.path / "p").string();
    {
        file::PositionFile f(path);
        CHECK_FALSE(f.open());
        for (std::uint64_t n = 1; n <= 5; ++n) f.write(example(n));
        f.sync();
    }
    REQUIRE(file::read_position(path)->position == 5);
    std::string bytes = folder.read("p");
    const std::size_t newest = bytes.find("-1 5 ");  // its sequence
    REQUIRE(newest != std::string::npos);
    bytes[newest + 8] ^= 1;
    folder.write("p", bytes);
    CHECK(file::read_position(path)->position == 4);
    file::PositionFile f(path);
    CHECK(f.open()->position == 4);
    f.write(example(6));
    CHECK(file::read_position(path)->position == 6);
}

TEST_CASE("the size of a position file does not grow, so that a full disk does not stop commits", "[file]") {
    Folder folder;
    file::PositionFile f((folder.path / "p").string());
    f.open();
    f.write(example(1));
    f.write(example(2));
    const FullDisk full(1024);
    f.write(example(3));
    CHECK(folder.read("p").size() == 1024);
}
