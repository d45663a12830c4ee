// Commands and files for tests that compare output word for word. With VOLLEY_WRITE_EXPECTED=1 in the
// environment the expected files are written instead.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace golden {

namespace fs = std::filesystem;

struct Ran {
    int code = -1;
    std::string said;  // standard output and error, as they came
};

inline bool writes() { return std::getenv("VOLLEY_WRITE_EXPECTED") != nullptr; }

// Runs `command` in `folder` with an empty environment, paths of this machine replaced by names.
inline Ran run(const fs::path& folder, const std::string& command) {
    const std::string line = "cd '" + folder.string() + "' && { env -i " + command + "; } 2>&1";
    Ran ran;
    FILE* pipe = popen(line.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        ran.said.append(buffer.data(), n);
    const int status = pclose(pipe);
    if (WIFEXITED(status)) ran.code = WEXITSTATUS(status);
    const std::string build = fs::path(VOLLEY_PLUGIN_DIR).parent_path().string();
    const std::pair<std::string, std::string> names[] = {{build, "BUILD"}, {VOLLEY_SOURCE_DIR, "SOURCE"}};
    for (const auto& [path, name] : names) {
        for (std::size_t at = 0; (at = ran.said.find(path, at)) != std::string::npos; at += name.size())
            ran.said.replace(at, path.size(), name);
    }
    // A connector's warnings are lines of the log.
    static const std::regex time(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)");
    ran.said = std::regex_replace(ran.said, time, "TIME");
    return ran;
}

inline std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

inline void check(const fs::path& expected, const std::string& text) {
    if (writes()) std::ofstream(expected, std::ios::binary) << text;
    INFO(expected.string() << " (VOLLEY_WRITE_EXPECTED=1 writes it anew)");
    CHECK(read(expected) == text);
}

inline std::vector<fs::path> files_in(const fs::path& folder, const char* ending) {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ending) found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace golden
