// An engine in a program that leaves SIGPIPE at its default action, which ends the program.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "volley/engine.hpp"

namespace {

// The first child closes its input while much data remains to be written to it.
constexpr const char* closes_its_input = R"(
if [ ! -e closed ]; then touch closed; exec <&-; sleep 1000; fi
while read -r line; do id=${line#*:\"}; echo "{\"id\":\"${id%%\"*}\"}"; done)";

int run_engine(const std::string& folder) {
    std::signal(SIGPIPE, SIG_DFL);
    std::filesystem::current_path(folder);
    volley::EngineOptions options;
    options.log = false;
    options.exit_when_idle = true;
    volley::Config& config = options.config.emplace();
    config.base_dir = folder;
    config.operations.enabled = false;
    config.queues.resize(1);
    config.queues[0].name = "in";
    config.queues[0].type = "memory";
    config.queues[0].config = R"({"generate": 5, "body_bytes": 300000})";
    config.components.resize(1);
    config.components[0].name = "work";
    config.components[0].input = "in";
    config.components[0].handler.kind = volley::HandlerConfig::Kind::process;
    config.components[0].handler.process.exec = {"sh", "-c", closes_its_input};
    auto engine = volley::Engine::make(std::move(options));
    if (!engine) return 78;
    const int code = (*engine)->run();
    return code == 0 && (*engine)->status().front().done == 5 ? 0 : 1;
}

}  // namespace

TEST_CASE("a child that closes its input does not end the program around the engine") {
    std::string folder = (std::filesystem::temp_directory_path() / "volley-sigpipe.XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const pid_t program = fork();
    if (program == 0) _exit(run_engine(folder));
    int status = 0;
    REQUIRE(waitpid(program, &status, 0) == program);
    std::filesystem::remove_all(folder);
    INFO((WIFSIGNALED(status) ? "killed by signal " : "exit ")
         << (WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
