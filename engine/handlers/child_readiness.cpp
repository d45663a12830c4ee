#include "handlers/child_readiness.hpp"

#include "log/log.hpp"

namespace volley::handlers {

namespace {

// One log line in this time while children cannot start.
constexpr std::chrono::milliseconds cannot_start_period{60'000};

}  // namespace

void ChildReadiness::cannot_start(const std::string& why) {
    const auto now = std::chrono::steady_clock::now();
    context_.health(VOLLEY_DOWN, "the handler's process cannot start: " + why);
    if (is_down_ && now - logged_ < cannot_start_period) return;
    is_down_ = true;
    logged_ = now;
    log::warning("the handler's process cannot start; its input waits, and no attempt is counted",
                 {{"component", context_.component()}, {"cause", why}});
}

void ChildReadiness::loading() const {
    if (!is_down_) context_.health(VOLLEY_DOWN, "the handler's process is loading");
}

void ChildReadiness::started() {
    is_started_ = true;
    if (is_down_) log::info("the handler's process has started", {{"component", context_.component()}});
    is_down_ = false;
    context_.health(VOLLEY_UP, "");
}

void ChildReadiness::ended(const ChildEnd& end) const {
    if (has_messages_ || is_started_ || end.with_status_0) return;
    context_.health(VOLLEY_DOWN, "the handler's process ended before it read a message (" + end.text + ")");
}

}  // namespace volley::handlers
