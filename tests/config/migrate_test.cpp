// migrate/NAME.yml is a file of py-volley, NAME.migrated what `volley migrate` makes of it, NAME.txt what it
// says. What it makes passes `volleyd --check`.
#include "golden.hpp"

namespace {

namespace fs = std::filesystem;

const fs::path old_files = fs::path(VOLLEY_SOURCE_DIR) / "tests/config/migrate";

}  // namespace

TEST_CASE("files of py-volley are turned, and what could not be turned is told") {
    const auto files = golden::files_in(old_files, ".yml");
    REQUIRE(files.size() >= 7);
    const fs::path scratch = fs::temp_directory_path() / ("volley-migrate-" + std::to_string(getpid()));
    fs::create_directory(scratch);
    int turned = 0;
    for (const fs::path& file : files) {
        INFO(file.filename().string());
        const std::string name = file.filename().string();
        const auto told = golden::run(old_files, std::string(VOLLEY) + " migrate " + name + " >/dev/null");
        const auto made = golden::run(old_files, std::string(VOLLEY) + " migrate " + name + " 2>/dev/null");
        golden::check(fs::path(file).replace_extension(".txt"), told.said);
        golden::check(fs::path(file).replace_extension(".migrated"), made.said);
        CHECK((made.code == 78) == made.said.empty());
        if (made.said.empty()) continue;
        ++turned;
        std::ofstream(scratch / name) << made.said;
        const auto checked =
            golden::run(scratch, "REGION=north " + std::string(VOLLEYD) + " --config " + name + " --check");
        INFO(checked.said);
        CHECK(checked.code == 0);
    }
    CHECK(turned >= 5);
    fs::remove_all(scratch);
}

TEST_CASE("a file that is not there is named") {
    const auto ran = golden::run(old_files, std::string(VOLLEY) + " migrate none.yml");
    CHECK(ran.code == 78);
    CHECK(ran.said.find("none.yml") != std::string::npos);
}
