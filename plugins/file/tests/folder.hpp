// A folder of its own for each test, and the files in it as another program writes and reads them.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "rig.hpp"

namespace volley::test {

using Bodies = std::vector<std::string>;
using Statuses = std::vector<std::int32_t>;

struct Folder {
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "volley_file_XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Folder() {
        std::error_code left_over;
        std::filesystem::remove_all(path, left_over);
    }
    void append(const std::string& name, const std::string& text) const {
        std::ofstream(path / name, std::ios::app | std::ios::binary) << text;
    }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path / name, std::ios::trunc | std::ios::binary) << text;
    }
    std::string read(const std::string& name) const {
        std::ostringstream text;
        text << std::ifstream(path / name, std::ios::binary).rdbuf();
        return text.str();
    }
    void rename(const std::string& from, const std::string& to) const {
        std::filesystem::rename(path / from, path / to);
    }
    std::filesystem::path path;
};

struct FileRig : Folder, Rig {
    FileRig() : Rig("file.so", path.string()) {}
    Statuses statuses() const {
        Statuses out;
        for (const volley_report& r : reports.all) out.push_back(r.status);
        return out;
    }
};

// volley.log/1 of a consumer: everything up to and with `offset` is done.
inline void commit(plugins::Consumer& consumer, std::int64_t offset) {
    const auto* log = static_cast<const volley_ext_log*>(consumer.extension(VOLLEY_EXT_LOG));
    REQUIRE(log != nullptr);
    volley_partition p{};
    p.partition = -1;
    p.offset = offset + 1;
    volley_error error{};
    error.struct_size = sizeof error;
    const std::int32_t status = log->commit(consumer.get(), &p, 1, sizeof p, 1, 1000, &error);
    INFO(error.text);
    REQUIRE(status == VOLLEY_OK);
}

struct Lines {
    Bodies bodies;
    std::vector<std::int64_t> offsets;
    std::vector<std::uint32_t> flags;
    std::int32_t status = VOLLEY_OK;
};

// One consume call, settled at once.
inline Lines read_lines(plugins::Consumer& consumer, std::uint32_t count = 1000,
                        std::uint32_t timeout_ms = 0) {
    Room room(count);
    auto result = consumer.consume(room.batch, timeout_ms);
    if (!result) FAIL(result.error().text);
    Lines out;
    out.status = *result;
    for (std::uint32_t i = 0; i < room.batch.count; ++i) {
        out.bodies.emplace_back(text_of(room.messages[i].body));
        out.offsets.push_back(room.messages[i].offset);
        out.flags.push_back(room.messages[i].flags);
    }
    settle(consumer, room.received(), VOLLEY_ACK);
    return out;
}

// Reads until so many lines came; fails after ten seconds.
inline Lines read_until(plugins::Consumer& consumer, std::size_t count) {
    Lines out;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (out.bodies.size() < count && std::chrono::steady_clock::now() < deadline) {
        const Lines some = read_lines(consumer, 1000, 100);
        out.bodies.insert(out.bodies.end(), some.bodies.begin(), some.bodies.end());
        out.offsets.insert(out.offsets.end(), some.offsets.begin(), some.offsets.end());
    }
    return out;
}

// While it lives, no file of this process can grow past `bytes`, as on a disk without room.
struct FullDisk {
    explicit FullDisk(rlim_t bytes = 0) : old_handler(::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &old_limit);
        const rlimit none{bytes, old_limit.rlim_max};
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
