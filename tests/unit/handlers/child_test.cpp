// Real processes: what holds a pipe, what was read, and what is left behind.
#include "handlers/child.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>

#include "log/log.hpp"

using volley::handlers::Child;
using volley::handlers::ChildOptions;

namespace {

std::unique_ptr<Child> shell(const std::string& script) {
    volley::log::configure(volley::log::Level::off, volley::log::Format::text);
    auto child = Child::start({{"sh", "-c", script}, "/", "test", {}});
    REQUIRE(child);
    return std::move(*child);
}

template <typename Condition>
bool within_a_minute(Condition&& condition) {
    for (int i = 0; i < 6000; ++i) {
        if (condition()) return true;
        poll(nullptr, 0, 10);
    }
    return false;
}

// The first line that the child writes, a process number.
pid_t number_from(const Child& child) {
    std::string text;
    char byte = 0;
    within_a_minute([&] {
        while (read(child.output(), &byte, 1) == 1) text += byte;
        return text.find('\n') != std::string::npos;
    });
    return static_cast<pid_t>(std::stoi(text));
}

bool is_alive(pid_t pid) { return kill(pid, 0) == 0; }

// Also true for a zombie, which nobody may wait for.
bool is_gone(pid_t pid) {
    waitpid(pid, nullptr, WNOHANG);
    return !is_alive(pid) || access(("/proc/" + std::to_string(pid) + "/exe").c_str(), F_OK) != 0;
}

}  // namespace

TEST_CASE("a child's end is seen although a process that left its group holds its pipes") {
    const auto child = shell("setsid sleep 1000 & echo $!; exit 3");
    const pid_t helper = number_from(*child);
    REQUIRE(within_a_minute([&] { return child->has_ended(); }));
    pollfd event{child->end_event(), POLLIN, 0};
    if (event.fd >= 0) CHECK(poll(&event, 1, 0) == 1);
    CHECK(child->kill().text == "exit status 3");
    CHECK(is_alive(helper));  // so it was not waited for
    kill(helper, SIGKILL);
}

TEST_CASE("what a child has not read is known, also after its end") {
    const auto child = shell("head -c 4 >/dev/null; exit 0");
    REQUIRE(write(child->input(), "0123456789", 10) == 10);
    REQUIRE(within_a_minute([&] { return child->has_ended(); }));
    CHECK(child->unread() == 6);
    const auto end = child->kill();
    CHECK(end.with_status_0);
}

TEST_CASE("a child that does not end gets SIGTERM, then SIGKILL, and its group with it") {
    SECTION("it heeds SIGTERM") {
        const auto child = shell("echo 1; while :; do sleep 0.01; done");
        number_from(*child);
        CHECK(child->end(200).text == "killed by SIGTERM");
    }
    SECTION("it does not") {
        const auto child = shell("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.01; done");
        const pid_t helper = number_from(*child);
        CHECK(child->end(200).text == "killed by SIGKILL");
        CHECK(within_a_minute([&] { return is_gone(helper); }));
    }
}

TEST_CASE("a child is told to end by the end of its input, or by SIGTERM to its group") {
    const auto reader = shell("cat > /dev/null; exit 4");
    CHECK_FALSE(reader->has_ended());
    reader->close_input();
    REQUIRE(within_a_minute([&] { return reader->has_ended(); }));
    CHECK(reader->kill().text == "exit status 4");
    const auto sleeper = shell("sleep 1000 & echo $!; wait");
    const pid_t helper = number_from(*sleeper);
    sleeper->terminate();
    REQUIRE(within_a_minute([&] { return sleeper->has_ended(); }));
    CHECK(within_a_minute([&] { return is_gone(helper); }));
    CHECK(sleeper->kill().text == "killed by SIGTERM");
}

TEST_CASE("all children of a process are killed at once with their groups") {
    const auto one = shell("sleep 1000");
    const auto other = shell("sleep 1000");
    volley::handlers::kill_children();
    CHECK(one->kill().text == "killed by SIGKILL");
    CHECK(other->kill().text == "killed by SIGKILL");
}

TEST_CASE("the second thread tells of the end") {
    std::atomic<int> told{0};
    ChildOptions options{{"sh", "-c", "exit 5"}, "/", "test", [&](const auto& end) {
                             told += end.text == "exit status 5" ? 1 : 100;
                         }};
    auto child = Child::start(options);
    REQUIRE(child);
    if ((*child)->end_event() < 0) return;  // a kernel without such descriptors
    CHECK(within_a_minute([&] { return told == 1; }));
}

// In a process of its own, whose standard descriptors are closed.
TEST_CASE("a child has its pipes although its parent's standard descriptors are closed") {
    const pid_t parent = fork();
    if (parent == 0) {
        for (int fd = 0; fd < 3; ++fd) ::close(fd);
        auto child = Child::start({{"cat"}, "/", "test", {}});
        char byte = 0;
        bool good = child.has_value() && write((*child)->input(), "x", 1) == 1;
        pollfd output{good ? (*child)->output() : -1, POLLIN, 0};
        good = good && poll(&output, 1, 60'000) == 1 && read(output.fd, &byte, 1) == 1 && byte == 'x';
        _exit(good ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(parent, &status, 0) == parent);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
