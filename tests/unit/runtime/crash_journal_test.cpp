// The crash journal by itself: what it records, and where.
#include "runtime/crash_journal.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>

using namespace volley;
using runtime::CrashJournal;

namespace {

struct Directory {
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "volley_journal_XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Directory() {
        std::error_code left_over;
        std::filesystem::remove_all(path, left_over);
    }
    std::filesystem::path path;
};

std::unique_ptr<CrashJournal> open(const Directory& directory, std::uint32_t workers) {
    auto journal = CrashJournal::open(directory.path, "j", workers);
    if (!journal) FAIL(journal.error().text);
    return std::move(*journal);
}

// While it exists, no file of this process can grow.
struct FullDisk {
    FullDisk() : old_handler(::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &old_limit);
        const rlimit none{0, old_limit.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &none);
    }
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &old_limit);
        ::signal(SIGXFSZ, old_handler);
    }
    sighandler_t old_handler;
    rlimit old_limit{};
};

}  // namespace

TEST_CASE("every block of a journal is on the disk before it is used", "[journal]") {
    const Directory directory;
    for (const std::uint32_t workers : {1U, 7U}) {
        const auto journal = open(directory, workers);
        struct stat status {};
        REQUIRE(::stat((directory.path / "j.journal").c_str(), &status) == 0);
        INFO(workers << " workers");
        CHECK(status.st_size > 0);
        CHECK(status.st_blocks * 512 >= status.st_size);
    }
}

TEST_CASE("a journal for which there is no room is no mistake in the configuration", "[journal]") {
    const Directory directory;
    {
        const FullDisk full;
        const auto journal = CrashJournal::open(directory.path, "j", 1);
        REQUIRE_FALSE(journal);
        CHECK(journal.error().code == ErrorCode::retry);
    }
    CHECK(std::filesystem::file_size(directory.path / "j.journal") == 0);
    open(directory, 1);
}

TEST_CASE("a journal in a folder that cannot be made is a mistake in the configuration", "[journal]") {
    const auto journal = CrashJournal::open("/proc/no/such", "j", 1);
    REQUIRE_FALSE(journal);
    CHECK(journal.error().code == ErrorCode::config);
}

TEST_CASE("what was at work is suspected at the next start, whatever number of workers that has",
          "[journal]") {
    const Directory directory;
    open(directory, 4)->enter(3, 17);
    {
        const auto next = open(directory, 1);
        CHECK(next->found() == 1);
        CHECK(next->crashes(17) == 1);
        CHECK(next->crashes(18) == 0);
        next->enter(0, 17);
    }
    const auto last = open(directory, 8);
    CHECK(last->crashes(17) == 2);
    last->acquit(17);
    CHECK_FALSE(last->has_suspects());
}

TEST_CASE("a file that is no journal is begun anew", "[journal]") {
    const Directory directory;
    REQUIRE(::system(("head -c 300000 /dev/urandom > " + (directory.path / "j.journal").string()).c_str()) ==
            0);
    CHECK(open(directory, 2)->found() == 0);
}

TEST_CASE("components of different files have journals of their own, under any name", "[journal]") {
    const std::string one = runtime::journal_file("app", "work", "/srv/one/volley.yml");
    CHECK(one == runtime::journal_file("app", "work", "/srv/one/volley.yml"));
    CHECK(one != runtime::journal_file("app", "work", "/srv/two/volley.yml"));
    CHECK(runtime::journal_file("a.b", "c", "") != runtime::journal_file("a", "b.c", ""));
    const std::string odd = runtime::journal_file("../" + std::string(500, 'x'), "a/b\n\xff", "/f");
    CHECK(odd.size() < 200);
    CHECK(odd.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string::npos);
    CHECK(odd.find("..") == std::string::npos);
}
