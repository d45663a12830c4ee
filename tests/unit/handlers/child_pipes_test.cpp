// The bytes on their way to a child and from it.
#include "handlers/child_pipes.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "log/log.hpp"

using namespace volley::handlers;

namespace {

ChildOptions program(const std::string& script) {
    volley::log::configure(volley::log::Level::off, volley::log::Format::text);
    ChildOptions options;
    options.exec = {"/bin/sh", "-c", script};
    options.directory = "/";
    options.component = "test";
    return options;
}

// Transfers until a line comes; fails if none does.
std::string next_line(ChildPipes& pipes) {
    const auto deadline = ChildPipes::Clock::now() + std::chrono::seconds(20);
    while (ChildPipes::Clock::now() < deadline) {
        if (const auto line = pipes.next_line()) return std::string(line->text);
        pipes.transfer(std::chrono::milliseconds(100), -1);
    }
    FAIL("no line came");
    return {};
}

// Transfers until `is_met` holds.
template <typename Condition>
void transfer_until(ChildPipes& pipes, Condition&& is_met) {
    const auto deadline = ChildPipes::Clock::now() + std::chrono::seconds(20);
    while (!is_met(pipes.transfer(std::chrono::milliseconds(10), -1)))
        REQUIRE(ChildPipes::Clock::now() < deadline);
}

}  // namespace

TEST_CASE("what is in the outbox is written, and lines come back", "[child_pipes]") {
    ChildPipes pipes(1000);
    REQUIRE(pipes.start(program("exec cat")));
    pipes.outbox().bytes = "one\ntwo\n";
    CHECK(next_line(pipes) == "one");
    CHECK(next_line(pipes) == "two");
    CHECK(pipes.bytes_read() == 8);
    CHECK(pipes.outbox().pending().empty());
    CHECK_FALSE(pipes.is_input_closed());
    pipes.release()->kill();
    CHECK_FALSE(pipes.is_running());
}

TEST_CASE("nothing of a child is left when the next one starts", "[child_pipes]") {
    ChildPipes pipes(1000);
    REQUIRE(pipes.start(program("read line; printf 'a line\\nhalf of one'")));
    pipes.outbox().bytes = "read\n";
    CHECK(next_line(pipes) == "a line");
    transfer_until(pipes, [&](bool) { return pipes.is_output_closed(); });
    CHECK(pipes.is_inside_line());
    pipes.outbox().bytes += "never read\n";
    pipes.release()->kill();
    REQUIRE(pipes.start(program("exec cat")));
    CHECK_FALSE(pipes.is_inside_line());
    CHECK_FALSE(pipes.is_output_closed());
    CHECK(pipes.bytes_read() == 0);
    pipes.outbox().bytes = "to the next\n";
    CHECK(next_line(pipes) == "to the next");
    pipes.release()->kill();
}

TEST_CASE("a child that has closed its input is noticed, and its end, too", "[child_pipes]") {
    ChildPipes pipes(1000);
    REQUIRE(pipes.start(program("exec <&-; echo closed")));
    CHECK(next_line(pipes) == "closed");
    transfer_until(pipes, [&](bool) { return pipes.is_input_closed(); });
    pipes.outbox().bytes = "nobody reads this\n";
    pipes.write();
    CHECK_FALSE(pipes.outbox().pending().empty());
    transfer_until(pipes, [](bool has_ended) { return has_ended; });
    pipes.release()->kill();
}

TEST_CASE("a program that does not exist leaves nothing running", "[child_pipes]") {
    ChildPipes pipes(1000);
    ChildOptions options = program("");
    options.exec = {"/no/such/program"};
    CHECK_FALSE(pipes.start(options));
    CHECK_FALSE(pipes.is_running());
    CHECK(pipes.release() == nullptr);
}
