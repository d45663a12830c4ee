// The parts of `volley init`: its choices, the texts that it fills in, and the folder that appears as a
// whole.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "init_choices.hpp"
#include "new_folder.hpp"
#include "project.hpp"

using namespace volley::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

struct TemporaryFolder {
    TemporaryFolder() { REQUIRE(mkdtemp(name.data()) != nullptr); }
    ~TemporaryFolder() {
        fs::permissions(name, fs::perms::owner_all);
        fs::remove_all(name);
    }
    fs::path operator/(const char* child) const { return fs::path(name) / child; }
    std::set<std::string> children() const {
        std::set<std::string> all;
        for (const auto& entry : fs::directory_iterator(name)) all.insert(entry.path().filename().string());
        return all;
    }
    std::string name = (fs::temp_directory_path() / "volley-test-XXXXXX").string();
};

std::string text_of_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

const std::vector<ProjectFile> files{{"volley.yml", "app: a\n"}, {"src/main.rs", "fn main() {}\n"}};

}  // namespace

TEST_CASE("placeholders are replaced, and a line that becomes empty goes away", "[cli]") {
    const std::vector<Replacement> values{{"a", "one"}, {"none", ""}, {"two-words", "x\ny"}};
    CHECK(fill("@a@ and @a@.\n", values) == "one and one.\n");
    CHECK(fill("1\n@none@\n2\n", values) == "1\n2\n");
    CHECK(fill("1 @none@\n@none@ 2\n", values) == "1 \n 2\n");
    CHECK(fill("@two-words@\n", values) == "x\ny\n");
    CHECK(fill("a@b.example and @unknown@ @", values) == "a@b.example and @unknown@ @");
    CHECK(fill("@a@", values) == "one");
    CHECK(fill("", values).empty());
}

TEST_CASE("the name of an application has only what every store accepts", "[cli]") {
    CHECK(app_name("fulfilment") == "fulfilment");
    CHECK(app_name("My orders (2)") == "My-orders-2");
    CHECK(app_name("-_x.y--") == "_x-y");
    CHECK(app_name("日本") == "ship");
    CHECK(app_name("") == "ship");
    CHECK(app_name("a\nb: \"c\"@") == "a-b-c");
    CHECK(app_name(std::string(500, 'x')) == std::string(60, 'x'));
}

TEST_CASE("an unknown choice is answered with the nearest, and with all", "[cli]") {
    const auto known = names_of(handler_choices());
    CHECK(find_choice(handler_choices(), "c++") != nullptr);
    CHECK(find_choice(handler_choices(), "") == nullptr);
    CHECK(find_choice(handler_choices(), "Python") == nullptr);
    CHECK(unknown_choice("--handler", "Pyton", known) ==
          "--handler must be one of python, node, go, rust, c++, c, forward, not \"Pyton\"; did you mean "
          "\"python\"?");
    CHECK_THAT(unknown_choice("--handler", "cpp", known), Contains("\"c++\"?"));
    CHECK_THAT(unknown_choice("--handler", "cobol", known), !Contains("did you mean"));
    for (const std::string& name : known) CHECK_THAT(list_choices(), Contains("\n  " + name + " "));
    for (const std::string& name : names_of(connector_choices()))
        CHECK_THAT(list_choices(), Contains("\n  " + name + " "));
}

TEST_CASE("every project is complete, and no placeholder is left in it", "[cli]") {
    for (const HandlerChoice& handler : handler_choices()) {
        for (const ConnectorChoice& from : connector_choices()) {
            for (const ConnectorChoice& to : connector_choices()) {
                CAPTURE(handler.name, from.name, to.name);
                const auto project = project_files({&handler, &from, &to, "shop"});
                CHECK(project.front().path == "volley.yml");
                CHECK_THAT(project.front().text,
                           StartsWith("# yaml-language-server: $schema=volley.schema.json\n"));
                std::set<std::string> paths;
                for (const ProjectFile& file : project) {
                    CHECK(paths.insert(file.path).second);
                    CHECK_FALSE(file.text.empty());
                    CHECK(file.text.back() == '\n');
                    if (file.path == "volley.yml" || file.path == "README.md")
                        CHECK_THAT(file.text, !Contains("@"));
                }
                for (const char* path : {"README.md", ".gitignore", "order.schema.json", "samples.ndjson"})
                    CHECK(paths.count(path) == 1);
                if (!handler.source.empty()) CHECK(paths.count(std::string(handler.source)) == 1);
            }
        }
    }
}

TEST_CASE("a folder is made with its files, or an empty one gets them", "[cli]") {
    TemporaryFolder folder;
    const fs::path made = folder / GENERATE("new", "new/", "with space", "ünï");
    const bool exists = GENERATE(false, true);
    if (exists) fs::create_directories(made);
    CHECK(write_folder(made.string(), files) == std::nullopt);
    CHECK(text_of_file(made / "volley.yml") == "app: a\n");
    CHECK(text_of_file(made / "src" / "main.rs") == "fn main() {}\n");
    CHECK(folder.children().size() == 1);
    const mode_t mask = umask(0);
    umask(mask);
    struct stat status {};
    REQUIRE(stat((made / "src").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == (0777 & ~mask));
    CHECK_THAT(write_folder(made.string(), files).value_or(""), Contains("is not empty"));
}

TEST_CASE("what is in the way is left as it is", "[cli]") {
    TemporaryFolder folder;
    std::ofstream(folder / "file") << "mine\n";
    fs::create_symlink("nowhere", folder / "dangling");
    const auto before = folder.children();
    CHECK_THAT(write_folder((folder / "file").string(), files).value_or(""), Contains("is no folder"));
    CHECK_THAT(write_folder((folder / "file/below").string(), files).value_or(""),
               Contains("file\" is no folder"));
    CHECK_THAT(write_folder((folder / "no/such").string(), files).value_or(""), Contains("does not exist"));
    CHECK(write_folder((folder / "dangling").string(), files));
    CHECK(write_folder((folder / std::string(300, 'x').c_str()).string(), files));
    CHECK(text_of_file(folder / "file") == "mine\n");
    CHECK(folder.children() == before);
}

TEST_CASE("files that cannot all be written leave nothing behind", "[cli]") {
    TemporaryFolder folder;
    const bool exists = GENERATE(false, true);
    if (exists) fs::create_directory(folder / "new");
    auto some = files;
    some.push_back({"volley.yml/below", "there is a file above\n"});
    CHECK_THAT(write_folder((folder / "new").string(), some).value_or(""), Contains("volley.yml"));
    if (exists) CHECK(fs::is_empty(folder / "new"));
    CHECK(folder.children() == (exists ? std::set<std::string>{"new"} : std::set<std::string>{}));
}

TEST_CASE("a signal waits until the files are gone again", "[cli]") {
    TemporaryFolder folder;
    sigset_t set;
    sigset_t before;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    REQUIRE(pthread_sigmask(SIG_BLOCK, &set, &before) == 0);
    REQUIRE(raise(SIGTERM) == 0);
    CHECK_THAT(write_folder((folder / "new").string(), files).value_or(""), Contains("interrupted"));
    CHECK(folder.children().empty());
    int taken = 0;
    REQUIRE(sigwait(&set, &taken) == 0);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
}
