#include "handlers/child_pipes.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace volley::handlers {

Result<void> ChildPipes::start(const ChildOptions& options) {
    auto started = Child::start(options);
    if (!started) return started.error();
    lines_.clear();
    outbox_.reset();
    is_input_closed_ = is_output_closed_ = false;
    child_ = std::move(*started);
    return {};
}

bool ChildPipes::transfer(std::chrono::milliseconds wait, int wake) {
    const bool has_bytes = !outbox_.pending().empty();
    // Also polls the input if there is nothing to write, to notice that it is closed.
    pollfd fds[4] = {
        {is_output_closed_ ? -1 : child_->output(), POLLIN, 0},
        {is_input_closed_ ? -1 : child_->input(), static_cast<short>(has_bytes ? POLLOUT : 0), 0},
        {child_->end_event(), POLLIN, 0},
        {wake, POLLIN, 0}};
    if (::poll(fds, 4, static_cast<int>(wait.count())) < 0 && errno != EINTR) return false;
    if ((fds[1].revents & POLLERR) != 0)
        is_input_closed_ = true;
    else if ((fds[1].revents & POLLOUT) != 0)
        write();
    if (fds[0].revents != 0) read();
    return child_->end_event() >= 0 ? fds[2].revents != 0 : child_->has_ended();
}

void ChildPipes::write() {
    const std::string_view pending = outbox_.pending();
    if (pending.empty() || is_input_closed_) return;
    const ssize_t n = ::write(child_->input(), pending.data(), pending.size());
    if (n >= 0)
        outbox_.advance(static_cast<std::size_t>(n));
    else if (errno == EPIPE)
        is_input_closed_ = true;
}

std::size_t ChildPipes::read() {
    if (is_output_closed_) return 0;
    char buffer[64 * 1024];
    const ssize_t n = ::read(child_->output(), buffer, sizeof buffer);
    if (n == 0) is_output_closed_ = true;
    if (n <= 0) return 0;
    lines_.append({buffer, static_cast<std::size_t>(n)});
    return static_cast<std::size_t>(n);
}

}  // namespace volley::handlers
