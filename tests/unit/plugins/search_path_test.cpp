#include "plugins/search_path.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace volley;

TEST_CASE("plugins are looked for in the documented order and never in the working directory",
          "[search_path]") {
    Config config;
    config.base_dir = "/etc/volley";
    config.plugin_dirs = {"mine", "/opt/plugins"};
    ::setenv("VOLLEY_PLUGIN_PATH", "/a::relative:/b/", 1);
    const auto path = plugins::search_path({"/first"}, config);
    ::unsetenv("VOLLEY_PLUGIN_PATH");

    REQUIRE(path.size() == 7);
    CHECK(path[0] == "/first");
    CHECK(path[1] == "/etc/volley/mine");
    CHECK(path[2] == "/opt/plugins");
    CHECK(path[3] == "/a");
    CHECK(path[4] == "/b/");
    CHECK(path[5].string().ends_with("/lib/volley/plugins"));
    CHECK(path[6].filename() == "plugins");
    for (const auto& directory : path) CHECK(directory != std::filesystem::current_path());
}
