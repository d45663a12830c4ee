// Files that are no ordinary files.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "config/load.hpp"

using namespace volley;

namespace {

const std::string smallest =
    "queues: {in: {type: sqlite}, out: {type: sqlite}}\n"
    "components: [{input: in, outputs: [out], handler: forward}]\n";

class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "volley_config_XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Folder() {
        std::error_code left_over;
        std::filesystem::remove_all(path_, left_over);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

std::string errors_of(const config::Loaded& loaded) {
    REQUIRE_FALSE(loaded.config);
    std::string all;
    for (const config::Diagnostic& d : loaded.diagnostics)
        if (d.severity == config::Diagnostic::Severity::error) all += d.text;
    return all;
}

config::Loaded load_value(const std::string& value) {
    return config::load_text("queues: {in: {type: sqlite, value: '" + value +
                                 "'}, out: {type: sqlite}}\n"
                                 "components: [{input: in, outputs: [out], handler: forward}]\n",
                             "volley.yml", "/",
                             [](const std::string&) -> std::optional<std::string> { return std::nullopt; });
}

}  // namespace

TEST_CASE("a configuration comes through a pipe, with a mistake that is found after it was read") {
    const Folder folder;
    const std::string pipe = folder.file("volley.yml");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] { std::ofstream(pipe) << smallest << "log: {level: loud}\n"; });
    const auto loaded = config::load_file(pipe, config::environment());
    writer.join();
    CHECK_FALSE(loaded.config);
    CHECK(config::has_errors(loaded.diagnostics));
}

TEST_CASE("a pipe to which nobody writes is given up") {
    const Folder folder;
    const std::string pipe = folder.file("volley.yml");
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(errors_of(config::load_file(pipe, config::environment())) ==
          "cannot read " + pipe + ": it is a pipe, and nobody has written to it for 5 s");
}

TEST_CASE("a device without an end is too large") {
    CHECK(errors_of(config::load_file("/dev/zero", config::environment())) ==
          "the file is larger than 1 MiB");
    CHECK(errors_of(load_value("${file:dev/zero}")) ==
          "the file dev/zero cannot be read: it is larger than 1 MiB");
}

TEST_CASE("a folder is no value and no schema") {
    CHECK(errors_of(load_value("${file:tmp}")) == "the file tmp cannot be read: it is a folder");
    const auto loaded = config::load_text(
        "queues: {in: {type: sqlite, schema: tmp}, out: {type: sqlite}}\n"
        "components: [{input: in, outputs: [out], handler: forward}]\n",
        "volley.yml", "/", config::environment());
    CHECK(errors_of(loaded) == "the schema \"tmp\" cannot be read: it is a folder");
}

TEST_CASE("variables inside of variables without end are an error") {
    std::string value = "x";
    for (int i = 0; i < 20'000; ++i) value = "${A:-" + value + "}";
    CHECK(errors_of(load_value(value)) == "variables inside of variables, deeper than 16 levels");
}

TEST_CASE("VOLLEY_LISTEN is where operations listen, unless the file says it") {
    const auto listens = [](const std::string& text) {
        const auto loaded = config::load_text(text, "volley.yml", "/", [](const std::string& name) {
            return name == "VOLLEY_LISTEN" ? std::optional<std::string>("0.0.0.0:3001") : std::nullopt;
        });
        REQUIRE(loaded.config);
        const OperationsConfig& operations = loaded.config->operations;
        return operations.enabled ? operations.host + ":" + std::to_string(operations.port) : "off";
    };
    CHECK(listens(smallest) == "0.0.0.0:3001");
    CHECK(listens(smallest + "operations: {token: \"a secret\"}\n") == "0.0.0.0:3001");
    CHECK(listens(smallest + "operations: {listen: \"127.0.0.1:3002\"}\n") == "127.0.0.1:3002");
    CHECK(listens(smallest + "operations: off\n") == "off");
}
