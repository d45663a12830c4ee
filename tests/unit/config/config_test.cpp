#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "config/bind.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"

using namespace volley;

namespace {

config::Loaded load(const std::string& text, const std::map<std::string, std::string>& variables = {}) {
    return config::load_text(text, "volley.yml", "/nowhere",
                             [&](const std::string& name) -> std::optional<std::string> {
                                 const auto found = variables.find(name);
                                 if (found == variables.end()) return std::nullopt;
                                 return found->second;
                             });
}

const std::string smallest =
    "queues: {in: {type: sqlite}, out: {type: sqlite}}\n"
    "components: [{input: in, outputs: [out], handler: forward}]\n";

}  // namespace

TEST_CASE("the smallest file has every default") {
    const auto loaded = load(smallest);
    REQUIRE(loaded.config);
    CHECK(loaded.config->app == "volley");
    CHECK(loaded.config->queues[0].value == "in");
    CHECK(loaded.config->components[0].name == "in");
    CHECK(loaded.config->components[0].workers == 1);
    CHECK(loaded.config->components[0].retry.max_attempts == 5);
}

TEST_CASE("the ancestor's keys are read with a note") {
    const auto loaded = load(
        "queues:\n  - {name: in, value: t, profile: kafka, data_model: volley.data_models.ComponentMessage}\n"
        "components: [{input: in, handler: forward}]\n");
    REQUIRE(loaded.config);
    CHECK(loaded.config->queues[0].type == "kafka");
    CHECK(loaded.config->queues[0].schema.kind == SchemaConfig::Kind::any_object);
    CHECK(loaded.diagnostics.front().code == "V0116");
}

TEST_CASE("a variable fills in a value and keeps its type, and cannot change the structure") {
    const auto loaded = load(
        "queues: {in: {type: x, config: {port: \"${PORT}\", a: \"${ODD}\"}}}\ncomponents: [{input: in, "
        "handler: forward}]\n",
        {{"PORT", "77"}, {"ODD", "{b: [1]}"}});
    REQUIRE(loaded.config);
    CHECK(loaded.config->queues[0].config == R"({"port":"77","a":"{b: [1]}"})");
    const auto plain = load(
        "queues:\n  in:\n    type: x\n    config:\n      port: ${PORT}\ncomponents: [{input: in, handler: "
        "forward}]\n",
        {{"PORT", "77"}});
    REQUIRE(plain.config);
    CHECK(plain.config->queues[0].config == R"({"port":77})");
}

TEST_CASE("all mistakes are told at once, each with its line and column") {
    const auto loaded = load(
        "queues: {in: {type: sqlite, vlaue: x}}\ncomponents: [{input: in, handler: forward, workers: "
        "no}]\nlgo: {}\n");
    REQUIRE_FALSE(loaded.config);
    REQUIRE(loaded.diagnostics.size() == 3);
    const std::string text = config::render(loaded.diagnostics, config::Format::text);
    CHECK(text.find("error[V0104]: unknown key \"lgo\"\n  --> volley.yml:3:1\n") != std::string::npos);
    CHECK(text.find("volley.yml:1:29") != std::string::npos);
    CHECK(text.find("did you mean \"value\"?") != std::string::npos);
    CHECK(text.find("3 errors, 0 warnings.") != std::string::npos);
}

TEST_CASE("hostile YAML is refused with a position") {
    CHECK_FALSE(load("a: &x [1]\nb: *x\n").config);
    CHECK_FALSE(load(std::string(1 << 21, ' ')).config);
    std::string deep = "a: ";
    for (int i = 0; i < 2000; ++i) deep += "[";
    CHECK_FALSE(load(deep).config);
    CHECK_FALSE(load("").config);
    CHECK_FALSE(load("- a\n").config);
    CHECK_FALSE(load("input-topic:\n  value: t\n  profile: kafka\n").config);
}

TEST_CASE("hostile files are refused in the time of a reader") {
    const auto said = [](const std::string& text) {
        const auto loaded = load(text);
        REQUIRE_FALSE(loaded.config);
        return config::render(loaded.diagnostics, config::Format::text);
    };
    std::string keys = "{";
    for (int i = 0; i < 49'000; ++i) keys += "key" + std::to_string(i) + ": 1, ";
    const std::string many = said(keys + "}");  // all on one line, each of them unknown
    CHECK(many.find("49002 errors") != std::string::npos);
    CHECK(many.size() < 20'000);
    CHECK(said(std::string(1 << 20, '#') + "#").find("larger than 1 MiB") != std::string::npos);
    std::string list = "app: [";
    for (int i = 0; i < 100'001; ++i) list += "1,";
    CHECK(said(list + "]").find("more than 100000 values") != std::string::npos);
    CHECK(said("\"" + std::string(300'000, 'n') + "\": 1\n").size() < 2'000);
}

TEST_CASE("the nearest word is the one that was meant") {
    const std::vector<std::string> levels = {"trace", "debug", "info", "warning", "error", "off"};
    CHECK(config::nearest("warn", levels) == "warning");
    CHECK(config::nearest("DEBUG", levels) == "debug");
    CHECK(config::nearest("frobnicate", levels).empty());
}

TEST_CASE("GitHub's annotations keep to one line each") {
    const auto loaded = load("queues: {in: {type: x, profile: y, 100%: 1}}\n");
    const std::string text = config::render(loaded.diagnostics, config::Format::github);
    CHECK(text.find("100%25") != std::string::npos);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
        CHECK(text.compare(at, 2, "::") == 0);
}

TEST_CASE("every code that is told can be explained") {
    for (const auto& entry : std::filesystem::directory_iterator(VOLLEY_SOURCE_DIR "/tests/config/bad")) {
        if (entry.path().extension() != ".txt") continue;
        std::ifstream in(entry.path());
        for (std::string line; std::getline(in, line);) {
            const std::size_t at = line.find("[V0");
            if (at != std::string::npos && line.find("]: ") != std::string::npos)
                CHECK(config::explain(line.substr(at + 1, 5)));
        }
    }
}

TEST_CASE("durations and sizes are read with their units and nothing else") {
    CHECK(config::parse_duration("100ms") == Milliseconds(100));
    CHECK(config::parse_duration("1.5s") == Milliseconds(1500));
    CHECK(config::parse_duration("2h") == Milliseconds(7'200'000));
    CHECK_FALSE(config::parse_duration("10"));
    CHECK_FALSE(config::parse_duration("-1s"));
    CHECK(config::parse_size("64 MiB") == 64ULL << 20U);
    CHECK(config::parse_size("1 MB") == 1'000'000);
    CHECK_FALSE(config::parse_size("1 XB"));
}

// VOLLEY_WRITE_DOCS=1 config_test writes the page anew.
TEST_CASE("docs/configuration.md holds the table that validates") {
    const std::string path = VOLLEY_SOURCE_DIR "/docs/configuration.md";
    const std::string wanted =
        "# Configuration\n\nOne YAML file. Relative paths are relative to it. `${NAME}`, `${NAME:-default}`, "
        "`${NAME:?message}` and\n"
        "`${file:PATH}` are filled in inside values; inside `{ }` YAML wants them quoted. `$${` is a literal "
        "`${`. A key that is not "
        "here is\nan error.\n" +
        config::keys_as_markdown();
    if (std::getenv("VOLLEY_WRITE_DOCS") != nullptr) std::ofstream(path) << wanted;
    std::ifstream in(path);
    std::ostringstream page;
    page << in.rdbuf();
    CHECK(page.str() == wanted);
}
