// A directory of its own for each test, and plain SQL beside the plugin, as another program would use it.
#pragma once

#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "rig.hpp"

namespace volley::test {

using Bodies = std::vector<std::string>;
using Results = std::vector<std::int32_t>;

struct Directory {
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "volley_sqlite_XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Directory() {
        std::error_code left_over;
        std::filesystem::remove_all(path, left_over);
    }
    std::filesystem::path path;
};

struct SqliteRig : Directory, Rig {
    SqliteRig() : Rig("sqlite.so", path.string()) {}

    // Runs the SQL in the default database; returns the first column of the last row as text.
    std::string sql(const std::string& text) const {
        sqlite3* db = nullptr;
        std::string last;
        REQUIRE(sqlite3_open((path / "volley.db").c_str(), &db) == SQLITE_OK);
        sqlite3_busy_timeout(db, 5000);
        const auto take_row = [](void* out, int, char** values, char**) {
            *static_cast<std::string*>(out) = values[0] != nullptr ? values[0] : "NULL";
            return 0;
        };
        char* error = nullptr;
        const int code = sqlite3_exec(db, text.c_str(), take_row, &last, &error);
        if (code != SQLITE_OK) FAIL(error);
        sqlite3_close(db);
        return last;
    }
};

// While it lives, no file of this process can be written: every write fails, as on a disk without room.
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

}  // namespace volley::test
