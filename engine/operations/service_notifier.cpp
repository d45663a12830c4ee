#include "operations/service_notifier.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "text/number.hpp"
#include "text/text.hpp"

namespace volley::operations {

namespace {

constexpr std::chrono::seconds status_every{5};

std::string take_variable(const char* name) {
    const char* value = std::getenv(name);
    std::string taken = value != nullptr ? value : "";
    unsetenv(name);
    return taken;
}

std::uint64_t settled(const runtime::EngineSnapshot& snapshot) {
    std::uint64_t sum = 0;
    for (const auto& c : snapshot.components) sum += c.done + c.dead + c.dropped + c.requeued;
    return sum;
}

std::string counted(std::uint64_t number, const char* thing) {
    return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

// One line of text: a line break would begin another variable.
std::string one_line(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
    return text::safe(text);
}

std::string microseconds(std::chrono::nanoseconds time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

}  // namespace

ServiceManager take_service_manager_from_environment() {
    ServiceManager manager;
    manager.notify_socket = take_variable("NOTIFY_SOCKET");
    const auto period = text::whole_number(take_variable("WATCHDOG_USEC"));
    const std::string watched = take_variable("WATCHDOG_PID");
    const bool is_watched = watched.empty() || watched == std::to_string(getpid());
    constexpr std::uint64_t longest = 1'000'000ULL * 86'400 * 365;
    if (period && is_watched) manager.watchdog = std::chrono::microseconds(std::min(*period, longest));
    return manager;
}

std::string status_line(const runtime::EngineSnapshot& snapshot, double per_second) {
    std::uint64_t in_flight = 0;
    std::string waits;
    for (const auto& c : snapshot.components) {
        in_flight += c.in_flight;
        if (waits.empty() && !c.ready) waits = c.name + ": " + c.why_not_ready;
    }
    const std::string messages = counted(in_flight, "message") + " in flight";
    if (snapshot.draining) return "draining: " + messages;
    if (!snapshot.ready) return one_line("not ready: " + waits);
    return "running: " + counted(snapshot.components.size(), "component") + ", " +
           std::to_string(std::llround(per_second)) + " messages per second, " + messages;
}

ServiceNotifier::ServiceNotifier(const ServiceManager& manager) : address_(manager.notify_socket) {
    const bool is_local = !address_.empty() && (address_[0] == '/' || address_[0] == '@');
    if (!is_local || address_.size() >= sizeof(sockaddr_un::sun_path)) return;
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    feed_every_ = manager.watchdog / 3;
}

ServiceNotifier::~ServiceNotifier() {
    if (fd_ >= 0) close(fd_);
}

bool ServiceNotifier::send(const std::string& message) const {
    if (!is_on()) return true;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, address_.data(), address_.size());
    if (address_[0] == '@') to.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    const auto* address = reinterpret_cast<const sockaddr*>(&to);
    return sendto(fd_, message.data(), message.size(), MSG_NOSIGNAL, address, size) >= 0;
}

void ServiceNotifier::show(ServiceState state, Milliseconds at_most, Clock now) {
    if (!is_on() || state == state_) return;
    state_ = state;
    next_status_ = Clock(0);
    const std::string extension = "\nEXTEND_TIMEOUT_USEC=" + microseconds(at_most);
    // Only the newest state counts, so it takes the place of one that could not be sent.
    switch (state) {
        case ServiceState::unknown:
            return;
        case ServiceState::starting:
            unsent_ = "STATUS=starting" + extension;
            break;
        case ServiceState::running:
            unsent_ = "READY=1";
            break;
        case ServiceState::reloading:
            unsent_ = "RELOADING=1\nMONOTONIC_USEC=" + microseconds(now) + extension;
            break;
        case ServiceState::stopping:
            unsent_ = "STOPPING=1" + extension;
            break;
    }
    if (send(unsent_)) unsent_.clear();
}

bool ServiceNotifier::turn(Clock now) {
    if (!is_on()) return false;
    if (!unsent_.empty() && send(unsent_)) unsent_.clear();
    if (feed_every_ > Clock(0) && now >= next_feed_ && send("WATCHDOG=1")) next_feed_ = now + feed_every_;
    if (now < next_status_) return false;
    next_status_ = now + status_every;
    return true;
}

void ServiceNotifier::status(const runtime::EngineSnapshot& snapshot, Clock now) {
    const std::uint64_t all = settled(snapshot);
    const double seconds = std::chrono::duration<double>(now - counted_at_).count();
    // A component that a reload has replaced counts from zero again.
    const bool can_compare = counted_at_ > Clock(0) && all >= counted_ && seconds > 0;
    const double per_second = can_compare ? static_cast<double>(all - counted_) / seconds : 0;
    counted_at_ = now;
    counted_ = all;
    const std::string line = status_line(snapshot, per_second);
    if (line != last_status_ && send("STATUS=" + line)) last_status_ = line;
}

}  // namespace volley::operations
