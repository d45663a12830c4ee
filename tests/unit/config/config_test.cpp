#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "config/bind.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"
#include "text/text.hpp"

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

TEST_CASE("py-volley's keys are read with a note") {
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

TEST_CASE("an alias repeats a value, and a merge key takes over the keys that are not given") {
    const auto loaded = load(
        "queues:\n"
        "  - &base\n"
        "    name: in\n"
        "    type: x\n"
        "    config: &shared {a: 1, b: 2}\n"
        "  - <<: *base\n"
        "    name: out\n"
        "    config: {<<: [{c: 3, a: 9}, *shared], b: 5}\n"
        "components: [{input: in, outputs: [out], handler: forward}]\n");
    REQUIRE(loaded.config);
    const auto& queues = loaded.config->queues;
    CHECK(queues[0].config == R"({"a":1,"b":2})");
    CHECK(queues[1].name == "out");
    CHECK(queues[1].type == "x");
    CHECK(queues[1].config == R"({"b":5,"c":3,"a":9})");
    CHECK(loaded.config->origins.at("/queues/1/config/a").line == 8);
    CHECK(loaded.config->origins.at("/queues/1/type").line == 4);
}

TEST_CASE("hostile YAML is refused with a position") {
    std::string deep_by_alias = "a0: &a0 [1]\n";
    for (int i = 1; i < 40; ++i)
        deep_by_alias +=
            "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
    CHECK(config::render(load(deep_by_alias).diagnostics, config::Format::text).find("deeper than 32") !=
          std::string::npos);
    CHECK_FALSE(load("a: *x\n").config);
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

TEST_CASE("on a terminal everything fits its width, and the caret stands where the mistake is") {
    const std::string line =
        "  - {name: in, value: \"\xe6\xb3\xa8\xe6\x96\x87\", type: sqlite, config: {path: "
        "a-rather-long-name-of-a-file.db}, vlaue: y}";
    const auto loaded = load("queues:\n" + line + "\ncomponents: [{input: in}]\n");
    for (const std::size_t width : {40U, 60U, 80U, 200U}) {
        const std::string text = config::render(loaded.diagnostics, config::Format::text, {width, false});
        std::istringstream lines(text);
        std::string shown, carets;
        for (std::string one; std::getline(lines, one);) {
            INFO(one);
            CHECK(volley::text::display_width(one) <= width);
            if (one.find("vlaue: y") != std::string::npos) shown = one;
            if (one.find('^') != std::string::npos) carets = one;
        }
        REQUIRE_FALSE(shown.empty());
        const std::string before = shown.substr(0, shown.find("vlaue"));
        CHECK(volley::text::display_width(before) == carets.find('^'));
        CHECK(std::count(carets.begin(), carets.end(), '^') == 5);
    }
    const std::string coloured = config::render(loaded.diagnostics, config::Format::text, {80, true});
    CHECK(coloured.find("\x1b[1;31merror[V0104]\x1b[0m: unknown key") != std::string::npos);
}

TEST_CASE("what drives a terminal or turns a line round is not printed") {
    const auto loaded = load("app: x\nq\xe2\x80\xae\xc2\x9b: 1\n");
    const std::string text = config::render(loaded.diagnostics, config::Format::text);
    CHECK(text.find("\xe2\x80\xae") == std::string::npos);
    CHECK(text.find("\xc2\x9b") == std::string::npos);
    CHECK(text.find("q??") != std::string::npos);
}

TEST_CASE("the default of a variable that is a secret is not shown beside a mistake") {
    for (const char* line :
         {"  token: ${NAME:-hunter2}\n", "  token: \"${MY_PASSWORD:-hunter2}\"\n",
          "  lsten: ${DB_PASS:-hunter2}\n", "  listen: {passphrase: hunter2}\n", "  {token: ${T:-hunter2}}\n",
          "  token: hunter2: x\n", "  token: @hunter2\n", "  lsten: me:hunter2@host:1\n",
          "  token:hunter2\n  listen: x\n", "  {token: \"x, hunter2\", lsten: a}\n",
          "  {listen: [], token: '${A}${B:-hunter2}'}\n"}) {
        const auto loaded = load(smallest + "operations:\n" + line + "  odd: [\n");
        const std::string text = config::render(loaded.diagnostics, config::Format::text);
        INFO(text);
        CHECK(text.find("hunter2") == std::string::npos);
    }
    const auto loaded =
        load(smallest + "operations: {lsten: \"${HOST:-hunter2}\", token: [\"${T:-hunter2}\"]}\n");
    const std::string text = config::render(loaded.diagnostics, config::Format::text);
    CHECK(text.find("[\"${T:-hunter2}") == std::string::npos);
    CHECK(config::names_a_secret("DB_PASS"));
    CHECK(config::names_a_secret("ssl.key.password"));
    CHECK_FALSE(config::names_a_secret("PWD"));
    CHECK_FALSE(config::names_a_secret("bypass.path"));
}

TEST_CASE("what is printed of a configuration holds no secret, however deep") {
    const auto loaded = load(
        "queues:\n  in:\n    type: x\n    config:\n      auth: {user: me, password: hunter2, more: "
        "[\"redis://u:hunter2@h\", \"${MY_TOKEN}\"]}\n"
        "components:\n  - input: in\n    handler: {exec: [prog, \"--key=${MY_TOKEN}\"]}\n"
        "  - name: two\n    input: in\n    handler: {library: libx.so, config: {api_key: hunter2, size: "
        "3}}\n",
        {{"MY_TOKEN", "hunter2"}});
    REQUIRE(loaded.config);
    const std::string text = config::print(*loaded.config);
    INFO(text);
    CHECK(text.find("hunter2") == std::string::npos);
    CHECK(text.find("[prog, \"***\"]") != std::string::npos);
    CHECK(text.find("\"user\":\"me\"") != std::string::npos);
    CHECK(text.find("size: 3") != std::string::npos);
}

TEST_CASE("the nearest word is the one that was meant") {
    const std::vector<std::string> levels = {"trace", "debug", "info", "warning", "error", "off"};
    CHECK(config::nearest("warn", levels) == "warning");
    CHECK(config::nearest("DEBUG", levels) == "debug");
    CHECK(config::nearest("frobnicate", levels).empty());
}

TEST_CASE("GitHub's annotations keep to one line each") {
    const auto loaded = load("queues: {in: {type: x, profile: y, 100%: 1}}\n");
    auto diagnostics = loaded.diagnostics;
    diagnostics[0].mark.file = "a:b,c.yml";
    const std::string text = config::render(diagnostics, config::Format::github);
    CHECK(text.find("100%25") != std::string::npos);
    CHECK(text.find("file=a%3Ab%2Cc.yml,line=") != std::string::npos);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
        CHECK(text.compare(at, 2, "::") == 0);
}

TEST_CASE("every code of the source can be explained, and every explained code is in the source") {
    std::set<std::string> in_source;
    for (const char* folder : {"/engine", "/cli"}) {
        for (const auto& entry :
             std::filesystem::recursive_directory_iterator(VOLLEY_SOURCE_DIR + std::string(folder))) {
            const auto ending = entry.path().extension();
            if ((ending != ".cpp" && ending != ".hpp") || entry.path().filename() == "explain.cpp") continue;
            std::ifstream in(entry.path());
            const std::string text((std::istreambuf_iterator<char>(in)), {});
            static const std::regex code("\"(V[0-9]{4})\"");
            for (std::sregex_iterator found(text.begin(), text.end(), code), end; found != end; ++found)
                in_source.insert((*found)[1]);
        }
    }
    CHECK(in_source.size() > 20);
    const auto explained = config::explained_codes();
    CHECK(std::set<std::string>(explained.begin(), explained.end()) == in_source);
    for (const std::string& known : explained) CHECK(config::explain(known)->find(known + ": ") == 0);
    CHECK_FALSE(config::explain("V9999"));
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

// `./dev docs` writes the page anew: what stands before the first heading of a table is written by hand.
TEST_CASE("docs/configuration.md holds the table that validates") {
    const std::string path = VOLLEY_SOURCE_DIR "/docs/configuration.md";
    std::ifstream in(path);
    std::string page((std::istreambuf_iterator<char>(in)), {});
    const std::string begin = "<!-- generated from engine/config/keys.cpp by ./dev docs -->\n";
    const std::size_t at = page.find(begin);
    REQUIRE(at != std::string::npos);
    const std::string wanted = page.substr(0, at) + begin + config::keys_as_markdown();
    if (std::getenv("VOLLEY_WRITE_EXPECTED") != nullptr) std::ofstream(path) << wanted;
    CHECK(page == wanted);
}

TEST_CASE("a default may have variables of its own, and braces") {
    const auto value_of = [](const std::string& expression,
                             const std::map<std::string, std::string>& variables) {
        const auto loaded = load("queues: {in: {type: x, value: '" + expression +
                                     "'}}\ncomponents: [{input: in, handler: x.so}]\n",
                                 variables);
        return loaded.config ? loaded.config->queues[0].value : "refused: " + loaded.diagnostics.front().text;
    };
    CHECK(value_of("${A:-${B}}", {{"A", "a"}, {"B", "b"}}) == "a");
    CHECK(value_of("${A:-${B}}", {{"B", "b"}}) == "b");
    CHECK(value_of("${A:-${B:-${C:-c}}}", {}) == "c");
    CHECK(value_of("<${A:-x${B}y}>", {{"B", "b"}}) == "<xby>");
    CHECK(value_of("${A:-{\"k\": {}}}", {}) == "{\"k\": {}}");
    CHECK(value_of("${A:-$${B}}", {}) == "${B}");
    CHECK(value_of("$${A:-x}", {}) == "${A:-x}");
    CHECK(value_of("${A}", {{"A", "${B}"}, {"B", "b"}}) == "${B}");
    CHECK(value_of("${A:-${B}}", {}) == "refused: the variable B is not set");
    CHECK(value_of("${A:?set ${B} first}", {{"B", "b"}}) ==
          "refused: the variable A is not set: set b first");
    CHECK(value_of("${A:?needed}", {{"A", ""}}) == "refused: the variable A is empty: needed");
    CHECK(value_of("${A:-${B}", {{"A", "a"}}) == "refused: \"${\" without its \"}\"");
    for (const char* odd : {"${A:+b}", "${A:=b}", "${A:}", "${A:3}", "${A-b}", "${${A}}", "${}"})
        CHECK(value_of(odd, {{"A", "a"}}).find("is no variable") != std::string::npos);
}

TEST_CASE("what is in a connector's configuration keeps its digits") {
    const auto loaded = load(
        "queues:\n  in:\n    type: x\n    config:\n      a: 1.10\n      b: 1e3\n      c: 010\n      d: 0x10\n"
        "      e: 1_000\n      f: 123456789012345678901\n      g: .5\n      h: +49\n      i: ${N}\n      j: "
        "007\n"
        "      k: -0.0\ncomponents: [{input: in, handler: x.so}]\n",
        {{"N", "2.10"}});
    REQUIRE(loaded.config);
    CHECK(
        loaded.config->queues[0].config ==
        R"({"a":1.10,"b":1e3,"c":"010","d":"0x10","e":"1_000","f":123456789012345678901,"g":".5","h":"+49",)"
        R"("i":2.10,"j":"007","k":-0.0})");
    CHECK(config::print(*loaded.config).find("a: 1.10 ") != std::string::npos);
}

TEST_CASE("numbers of our own keys are read in any spelling, and 010 is refused") {
    const auto with = [](const std::string& keys) {
        return load("queues: {in: {type: x}}\ncomponents: [{input: in, handler: x.so, " + keys + "}]\n");
    };
    const auto loaded = with(
        "workers: '8', max_in_flight: 90_000.0, max_crashes: 0x10, retry: {max_attempts: 1e1, "
        "max_delay: 1.5e3s, initial_delay: 1_000ms}");
    REQUIRE(loaded.config);
    const ComponentConfig& c = loaded.config->components[0];
    CHECK(c.workers == 8);
    CHECK(c.max_in_flight == 90'000);
    CHECK(c.max_crashes == 16);
    CHECK(c.retry.max_attempts == 10);
    CHECK(c.retry.max_delay == Milliseconds(1'500'000));
    CHECK(c.retry.initial_delay == Milliseconds(1000));
    const auto octal = with("workers: 010");
    REQUIRE_FALSE(octal.config);
    CHECK(octal.diagnostics.front().help.find("leading 0") != std::string::npos);
}

TEST_CASE("a file with a byte order mark and Windows' lines is read as any other") {
    const auto loaded = load(
        "\xEF\xBB\xBF"
        "app: \"x\"\r\nqueues: {in: {type: x}, out: {type: x}}\r\n"
        "components: [{input: in, outputs: [out]}]\r\n");
    REQUIRE(loaded.config);
    CHECK(loaded.config->app == "x");
    CHECK_FALSE(config::has_default_app(*loaded.config));
    CHECK(loaded.config->origins.at("/app").column == 6);
    CHECK(config::has_default_app(*load(smallest).config));
}

TEST_CASE("an address to listen on may be one of IPv6, in brackets") {
    const auto host = [](const std::string& listen) {
        const auto loaded = load(smallest + "operations: {listen: \"" + listen + "\"}\n");
        return loaded.config
                   ? loaded.config->operations.host + " " + std::to_string(loaded.config->operations.port)
                   : loaded.diagnostics.front().help;
    };
    CHECK(host("[::1]:3000") == "::1 3000");
    CHECK(host("localhost:0") == "localhost 0");
    CHECK(host("8080") == "127.0.0.1 8080");
    CHECK(host("::1") == "an IPv6 address stands in brackets: [::1]:3000");
    CHECK(host("0.0.0.0") == "the port is missing: 0.0.0.0:3000");
    CHECK(host("a:65536") == "a port is 0 to 65535");
}

TEST_CASE("a program takes no config: and no class:, and an empty token is refused") {
    const auto exec =
        load("queues: {in: {type: x}}\ncomponents: [{input: in, handler: {exec: [a], config: {b: 1}}}]\n");
    REQUIRE_FALSE(exec.config);
    CHECK(exec.diagnostics.front().text == "a program takes no \"config\"");
    CHECK_FALSE(load(smallest + "operations: {token: \"${T}\"}\n", {{"T", ""}}).config);
    CHECK(load(smallest + "operations: {token: 007}\n").config->operations.token == "007");
}

TEST_CASE("a configuration from code is held to the ranges and words of a file") {
    Config config = *load(smallest).config;
    config.file.clear();
    CHECK_FALSE(config::has_errors(config::check_rules(config)));
    for (const char* level : {"verbose", "INFO", ""}) {
        config.log.level = level;
        CHECK(config::has_errors(config::check_rules(config)));
    }
    config.log.level = "off";
    config.log.format = "yaml";
    CHECK(config::has_errors(config::check_rules(config)));
    config.log.format = "json";
    config.components[0].workers = 0;
    CHECK(config::has_errors(config::check_rules(config)));
}
