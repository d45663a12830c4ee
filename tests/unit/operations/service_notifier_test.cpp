// What a service manager hears, over a real datagram socket.
#include "operations/service_notifier.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

using volley::ServiceManager;
using volley::operations::ServiceNotifier;
using volley::operations::ServiceState;
using namespace std::chrono_literals;

namespace {

// Listens under an abstract name, so that no file stays behind.
class Manager {
public:
    Manager() : name("@volley-service-test-" + std::to_string(getpid())) {
        fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path + 1, name.data() + 1, name.size() - 1);
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) == 0);
    }
    ~Manager() { close(fd_); }
    // Empty: there is no message.
    std::string next() const {
        std::array<char, 1024> buffer{};
        const ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
        return n < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(n));
    }

    const std::string name;

private:
    int fd_ = -1;
};

volley::runtime::EngineSnapshot snapshot() {
    volley::runtime::EngineSnapshot s;
    s.ready = true;
    s.components.resize(2);
    for (auto& component : s.components) component.ready = true;
    s.components[0].name = "ship";
    s.components[0].done = 100;
    s.components[0].in_flight = 1;
    return s;
}

}  // namespace

TEST_CASE("each state is reported once, with the time that it may take") {
    const Manager manager;
    ServiceNotifier notifier({manager.name, 0us});
    REQUIRE(notifier.is_on());
    for (int i = 0; i < 2; ++i) notifier.show(ServiceState::starting, 60s, 1s);
    CHECK(manager.next() == "STATUS=starting\nEXTEND_TIMEOUT_USEC=60000000");
    for (int i = 0; i < 2; ++i) notifier.show(ServiceState::running, 60s, 2s);
    CHECK(manager.next() == "READY=1");
    notifier.show(ServiceState::reloading, 5s, 3s);
    CHECK(manager.next() == "RELOADING=1\nMONOTONIC_USEC=3000000\nEXTEND_TIMEOUT_USEC=5000000");
    notifier.show(ServiceState::running, 5s, 4s);
    CHECK(manager.next() == "READY=1");
    notifier.show(ServiceState::stopping, 31500ms, 5s);
    CHECK(manager.next() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=31500000");
    CHECK(manager.next().empty());
}

TEST_CASE("the watchdog is fed in turns of the loop, three times within its period") {
    const Manager manager;
    ServiceNotifier notifier({manager.name, 30s});
    notifier.turn(100s);
    CHECK(manager.next() == "WATCHDOG=1");
    notifier.turn(109s);
    CHECK(manager.next().empty());
    notifier.turn(110s);
    CHECK(manager.next() == "WATCHDOG=1");
}

TEST_CASE("a state that the socket did not accept is sent later") {
    ServiceNotifier early({"@volley-service-test-" + std::to_string(getpid()), 0us});
    early.show(ServiceState::starting, 60s, 1s);
    early.show(ServiceState::running, 60s, 2s);
    const Manager manager;
    early.turn(3s);
    CHECK(manager.next() == "READY=1");
    early.turn(4s);
    CHECK(manager.next().empty());
}

TEST_CASE("the status has a rate, and is sent when it changes") {
    const Manager manager;
    ServiceNotifier notifier({manager.name, 0us});
    auto s = snapshot();
    CHECK(notifier.turn(100s));
    notifier.status(s, 100s);
    CHECK(manager.next() == "STATUS=running: 2 components, 0 messages per second, 1 message in flight");
    CHECK_FALSE(notifier.turn(101s));
    CHECK(notifier.turn(105s));
    s.components[0].done = 1100;
    s.components[1].dead = 1000;
    notifier.status(s, 105s);
    CHECK(manager.next() == "STATUS=running: 2 components, 400 messages per second, 1 message in flight");
    s.components[0].done = 500;  // replaced by a reload
    notifier.status(s, 110s);
    CHECK(manager.next() == "STATUS=running: 2 components, 0 messages per second, 1 message in flight");
    notifier.status(s, 115s);
    CHECK(manager.next().empty());
}

TEST_CASE("a status is one line") {
    auto s = snapshot();
    s.ready = s.components[0].ready = false;
    s.components[0].why_not_ready = "the input is down: no\nREADY=1\xff";
    CHECK(volley::operations::status_line(s, 0) == "not ready: ship: the input is down: no READY=1?");
    s.draining = true;
    CHECK(volley::operations::status_line(s, 0) == "draining: 1 message in flight");
}

TEST_CASE("no socket, or one that cannot be, is silence") {
    for (const std::string& address : {std::string(), std::string("relative"), "/" + std::string(200, 'x')}) {
        ServiceNotifier notifier({address, 30s});
        CHECK_FALSE(notifier.is_on());
        notifier.show(ServiceState::running, 60s, 1s);
        CHECK_FALSE(notifier.turn(1s));
    }
}

TEST_CASE("the environment is read and cleared, and another process's watchdog is not ours") {
    setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
    const ServiceManager ours = volley::operations::take_service_manager_from_environment();
    CHECK(ours.notify_socket == "/run/systemd/notify");
    CHECK(ours.watchdog == 30s);
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
        CHECK(getenv(name) == nullptr);
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    CHECK(volley::operations::take_service_manager_from_environment().watchdog == 0s);
    setenv("WATCHDOG_USEC", "soon", 1);
    CHECK(volley::operations::take_service_manager_from_environment().watchdog == 0s);
}
