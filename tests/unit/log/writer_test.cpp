// A descriptor that takes nothing, takes little, or refuses: whoever logs goes on, and what was dropped is
// counted.
#include "log/writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "log/output.hpp"

using namespace std::chrono_literals;
using volley::log::Writer;
using volley::log::WriterOptions;

namespace {

constexpr auto soon = 20s;

WriterOptions small() {
    WriterOptions options;
    options.most_bytes = 4096;
    options.reserve_bytes = 1024;
    options.notice = [](std::uint64_t count) { return "dropped " + std::to_string(count) + "\n"; };
    return options;
}

struct Pipe {
    Pipe() { REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0); }
    ~Pipe() {
        for (const int fd : ends) {
            if (fd >= 0) close(fd);
        }
    }
    int read_end() const { return ends[0]; }
    int write_end() const { return ends[1]; }
    void close_read() {
        close(ends[0]);
        ends[0] = -1;
    }
    // So that the next write finds no room.
    std::size_t fill() {
        fcntl(write_end(), F_SETFL, O_NONBLOCK);
        std::size_t filled = 0;
        const std::string bytes(4096, '.');
        for (ssize_t n = 0; (n = write(write_end(), bytes.data(), bytes.size())) > 0;)
            filled += static_cast<std::size_t>(n);
        fcntl(write_end(), F_SETFL, 0);
        return filled;
    }
    // Reads until what came ends with `text`.
    std::string read_until(const std::string& text) {
        return read_while([&](const std::string& all) { return !all.ends_with(text); });
    }
    template <typename Wanted>
    std::string read_while(Wanted&& wanted) {
        std::string all;
        pollfd fd{read_end(), POLLIN, 0};
        while (wanted(all) && poll(&fd, 1, 20'000) == 1) {
            std::array<char, 4096> buffer{};
            const ssize_t n = read(read_end(), buffer.data(), buffer.size());
            if (n <= 0) break;
            all.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return all;
    }
    std::array<int, 2> ends{-1, -1};
};

}  // namespace

TEST_CASE("lines come out whole and in order") {
    Pipe pipe;
    Writer writer(pipe.write_end(), small());
    writer.put("one\n");
    writer.put("two\nthree\n");
    CHECK(pipe.read_until("three\n") == "one\ntwo\nthree\n");
    CHECK(writer.flush(soon));
    CHECK(writer.dropped() == 0);
}

TEST_CASE("a full pipe holds nobody up, and a line says how many were dropped once it flows") {
    Pipe pipe;
    const std::size_t filled = pipe.fill();
    Writer writer(pipe.write_end(), small());
    const std::string line(99, 'x');
    for (int i = 0; i < 1000; ++i) writer.put(line + "\n");
    CHECK(writer.dropped() == 1000 - 4096 / 100);
    writer.put("the last\n", true);  // there is room for what is urgent
    CHECK_FALSE(writer.flush(10ms));
    // The number comes in parts if the writer began before all was dropped.
    const auto told = [](const std::string& all) {
        std::uint64_t sum = 0;
        for (std::size_t at = 0; (at = all.find("dropped ", at)) != std::string::npos; ++at)
            sum += std::strtoull(all.c_str() + at + 8, nullptr, 10);
        return sum;
    };
    const auto incomplete = [&](const std::string& all) {
        return all.find("the last\n") == std::string::npos || told(all) < writer.dropped() ||
               all.back() != '\n';
    };
    const std::string all = pipe.read_while(incomplete).substr(filled);
    CHECK(told(all) == writer.dropped());
    CHECK(all.find("the last\n") != std::string::npos);
    std::size_t whole = 0;
    for (std::size_t at = 0; (at = all.find(line + "\n", at)) != std::string::npos; at += line.size())
        ++whole;
    CHECK(whole == 4096 / 100);
    writer.put("after\n");
    CHECK(pipe.read_until("after\n") == "after\n");
}

TEST_CASE("a writer that is stuck can be destroyed") {
    Pipe pipe;
    pipe.fill();
    Writer writer(pipe.write_end(), small());
    writer.put("never seen\n");
    CHECK_FALSE(writer.flush(1ms));
}

TEST_CASE("a pipe without a reader, a closed descriptor and a full disk cost lines only") {
    SECTION("no reader") {
        Pipe pipe;
        pipe.close_read();
        Writer writer(pipe.write_end(), small());
        writer.put("lost\n");
        CHECK(writer.flush(soon));
        CHECK(writer.dropped() == 1);
    }
    SECTION("closed") {
        Writer writer(-1, small());
        writer.put("lost\n");
        // poll() passes over a negative descriptor: nothing is taken, and nothing waits for it.
        CHECK_FALSE(writer.flush(1ms));
    }
    SECTION("full disk") {
        const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        REQUIRE(fd >= 0);
        Writer writer(fd, small());
        for (int i = 0; i < 3; ++i) writer.put("lost\n");
        CHECK(writer.flush(soon));
        CHECK(writer.dropped() == 3);
        close(fd);
    }
}

TEST_CASE("a disk that was full is told of in the log as soon as it takes lines") {
    std::string name = std::filesystem::temp_directory_path() / "volley-log-XXXXXX";
    const int fd = mkstemp(name.data());
    REQUIRE(fd >= 0);
    unlink(name.c_str());
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit full{10, before.rlim_max};
    Writer writer(fd, small());
    // The signal of this limit is not for the writer's thread.
    REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
    writer.put("0123456789abcdef\n");  // ten bytes fit
    writer.put("lost\n");
    const bool flushed = writer.flush(soon);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(flushed);
    CHECK(writer.dropped() == 2);
    writer.put("again\n");
    CHECK(writer.flush(soon));
    std::array<char, 100> buffer{};
    const ssize_t n = pread(fd, buffer.data(), buffer.size(), 0);
    close(fd);
    CHECK(std::string(buffer.data(), static_cast<std::size_t>(n)) == "0123456789\ndropped 2\nagain\n");
}

TEST_CASE("a descriptor that is not to wait for is waited for") {
    Pipe pipe;
    fcntl(pipe.write_end(), F_SETFL, O_NONBLOCK);
    Writer writer(pipe.write_end(), {.most_bytes = 1 << 20, .notice = {}});
    const std::string line(999, 'x');
    for (int i = 0; i < 500; ++i) writer.put(line + "\n");
    writer.put("end\n");
    CHECK(pipe.read_until("end\n").size() == 500'004);
    CHECK(writer.dropped() == 0);
}

TEST_CASE("many threads, one writer: every line is whole") {
    Pipe pipe;
    Writer writer(pipe.write_end(), {.notice = {}});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&writer, t] {
            for (int i = 0; i < 500; ++i) writer.put(std::string(50, static_cast<char>('a' + t)) + "\n");
        });
    }
    std::string all;
    std::thread reader([&] { all = pipe.read_until("end\n"); });
    for (std::thread& thread : threads) thread.join();
    writer.put("end\n");
    reader.join();
    REQUIRE(all.size() == 4 * 500 * 51 + 4);
    for (std::size_t at = 0; at + 51 < all.size(); at += 51) {
        const std::string line = all.substr(at, 51);
        CHECK((line.back() == '\n' && std::count(line.begin(), line.end() - 1, line.front()) == 50));
    }
}
