// bad/NAME.yml is a mistake, bad/NAME.txt all that `volleyd --check` says of it. docs/bad-configurations.md
// is made of them.
#include <algorithm>
#include <catch2/catch.hpp>

#include "golden.hpp"
#include "text/text.hpp"

namespace {

namespace fs = std::filesystem;

const fs::path bad = fs::path(VOLLEY_SOURCE_DIR) / "tests/config/bad";

struct Part {
    const char* prefix;
    const char* title;
};
constexpr Part parts[] = {{"yaml", "No YAML, or more than is read"},
                          {"key", "Keys"},
                          {"value", "Values"},
                          {"variable", "Variables"},
                          {"reference", "Names and settings that do not fit together"},
                          {"connector", "Connectors and their `config:`"},
                          {"pyvolley", "Files of py-volley"},
                          {"many", "Several mistakes"}};

std::string part_of(const fs::path& file) {
    const std::string name = file.stem().string();
    return name.substr(0, name.find('-'));
}

// The file's first line is a comment that names the mistake; a few files can have none.
std::string title_of(const fs::path& file) {
    const std::string text = golden::read(file);
    std::string line = text.substr(0, text.find('\n'));
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.rfind("# ", 0) == 0 && volley::text::is_utf8(line)) return line.substr(2);
    std::string name = file.stem().string();
    std::replace(name.begin(), name.end(), '-', ' ');
    return name;
}

}  // namespace

TEST_CASE("each wrong file of the corpus is refused in the expected words") {
    const auto files = golden::files_in(bad, ".yml");
    REQUIRE(files.size() >= 100);
    for (const fs::path& file : files) {
        const auto ran =
            golden::run(bad, std::string(VOLLEYD) + " --config " + file.filename().string() + " --check");
        INFO(file.filename().string());
        CHECK(ran.code == 78);
        golden::check(fs::path(file).replace_extension(".txt"), ran.said);
    }
}

TEST_CASE("what a wrong file makes volleyd say holds a code, a place and advice, and no secret") {
    for (const fs::path& file : golden::files_in(bad, ".txt")) {
        const std::string said = golden::read(file);
        INFO(file.filename().string());
        CHECK(said.find("error[V0") != std::string::npos);
        CHECK(said.find(file.stem().string() + ".yml") != std::string::npos);
        CHECK(said.find("hunter2") == std::string::npos);
        CHECK(volley::text::is_utf8(said));
        CHECK(std::count(said.begin(), said.end(), '\n') < 130);
    }
}

TEST_CASE("every message of the corpus has its wrong file") {
    for (const fs::path& file : golden::files_in(bad, ".txt"))
        CHECK(fs::exists(fs::path(file).replace_extension(".yml")));
}

TEST_CASE("docs/bad-configurations.md shows the corpus") {
    std::string page =
        "# What Volley says of a wrong configuration\n\n"
        "Every file of `tests/config/bad/`, and the words in which `volleyd --check` refuses it: a code "
        "(`volley "
        "explain V0104`\nsays more), the place, the line, and what to do. All mistakes are told at once; at "
        "most "
        "20 are shown. The exit code is 78.\n";
    const auto files = golden::files_in(bad, ".yml");
    for (const Part& part : parts) {
        page += "\n## " + std::string(part.title) + "\n";
        for (const fs::path& file : files) {
            if (part_of(file) != part.prefix) continue;
            page += "\n### " + title_of(file) + "\n\n```text\n" +
                    golden::read(fs::path(file).replace_extension(".txt")) + "```\n";
        }
    }
    golden::check(fs::path(VOLLEY_SOURCE_DIR) / "docs/bad-configurations.md", page);
}
