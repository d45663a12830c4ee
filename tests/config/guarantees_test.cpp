// guarantees/NAME.yml is a configuration, guarantees/NAME.txt what `volley check --guarantees` says it
// promises, and which of the properties `--require` finds unmet.
#include "golden.hpp"

namespace {

namespace fs = std::filesystem;

const fs::path configurations = fs::path(VOLLEY_SOURCE_DIR) / "tests/config/guarantees";

}  // namespace

TEST_CASE("what a configuration promises is told in the expected words") {
    const auto files = golden::files_in(configurations, ".yml");
    REQUIRE(files.size() >= 20);
    for (const fs::path& file : files) {
        INFO(file.filename().string());
        const std::string check = std::string(VOLLEY) + " check " + file.filename().string();
        const auto told = golden::run(configurations, check + " --guarantees");
        CHECK(told.code == 0);
        CHECK(told.said.find("canary") == std::string::npos);
        std::string all = told.said;
        for (const char* property : {"at-least-once", "exactly-once", "key-order", "partition-order"}) {
            const auto required = golden::run(
                configurations, check + " --require " + property + " 2>&1 >/dev/null | grep hold");
            const auto ran =
                golden::run(configurations, check + " --require " + property + " >/dev/null 2>&1");
            all += "\n--require " + std::string(property) + ": exit " + std::to_string(ran.code) + "\n" +
                   required.said;
            CHECK((ran.code == 1) == !required.said.empty());
        }
        golden::check(fs::path(file).replace_extension(".txt"), all);
    }
}

TEST_CASE("several properties are required at once, and an unknown one is a usage error") {
    const std::string check = std::string(VOLLEY) + " check sqlite-one-file.yml --require ";
    CHECK(golden::run(configurations, check + "at-least-once,key-order").code == 0);
    CHECK(golden::run(configurations, check + "at-least-once,global-order").code == 64);
    CHECK(golden::run(configurations,
                      std::string(VOLLEY) + " check sqlite-drop.yml --require exactly-once,at-least-once")
              .code == 1);
}

TEST_CASE("volleyd tells the same, and a wrong configuration promises nothing") {
    const auto daemon = golden::run(
        configurations, std::string(VOLLEYD) + " --config sqlite-one-file.yml --check --guarantees");
    const auto tool =
        golden::run(configurations, std::string(VOLLEY) + " check sqlite-one-file.yml --guarantees");
    CHECK(daemon.said == tool.said);
    const auto wrong = golden::run(configurations.parent_path() / "bad",
                                   std::string(VOLLEY) + " check value-order.yml --require at-least-once");
    CHECK(wrong.code == 78);
    CHECK(wrong.said.find("delivery") == std::string::npos);
}
