#include "log/writer.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>

namespace volley::log {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The thread blocks all signals: they are for the program's threads, and SIGPIPE must not end the process.
class WithoutSignals {
public:
    WithoutSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    WithoutSignals(const WithoutSignals&) = delete;
    WithoutSignals& operator=(const WithoutSignals&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

Writer::Writer(int fd, WriterOptions options)
    : fd_(fd), stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), options_(std::move(options)) {}

Writer::~Writer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    given_.notify_all();
    if (stop_event_ >= 0) eventfd_write(stop_event_, 1);
    if (thread_.joinable()) thread_.join();
    if (stop_event_ >= 0) ::close(stop_event_);
}

void Writer::put(std::string text, bool urgent) {
    {
        const std::lock_guard lock(mutex_);
        const std::size_t limit = options_.most_bytes + (urgent ? options_.reserve_bytes : 0);
        if (waiting_bytes_ + text.size() > limit) {
            ++overflowed_;
            count_dropped(1);
        } else {
            waiting_bytes_ += text.size();
            queue_.push_back(std::move(text));
        }
        if (!thread_.joinable() && !start_thread()) return;
    }
    given_.notify_one();
}

void Writer::set_last_line(std::string text) {
    {
        const std::lock_guard lock(mutex_);
        if (text == last_line_) return;
        last_line_ = std::move(text);
        last_line_changed_ = true;
        if (!thread_.joinable() && !start_thread()) return;
    }
    given_.notify_one();
}

// Without a thread, lines wait for the next put(), which tries to start it again, or for flush(), which
// writes them itself.
bool Writer::start_thread() {
    const WithoutSignals inherited;
    try {
        thread_ = std::thread([this] { run(); });
        return true;
    } catch (const std::system_error&) {
        return false;
    }
}

void Writer::run() {
    pthread_setname_np(pthread_self(), "log");
    std::unique_lock lock(mutex_);
    for (;;) {
        given_.wait(lock, [this] { return stopping_ || has_work(); });
        if (stopping_) return;
        write_waiting(lock, std::nullopt);
    }
}

bool Writer::flush(milliseconds patience) {
    const auto deadline = steady_clock::now() + patience;
    std::unique_lock lock(mutex_);
    const auto done = [this] { return !has_work() && !writing_; };
    if (thread_.joinable()) return written_.wait_until(lock, deadline, done);
    const WithoutSignals none;
    if (!done()) write_waiting(lock, deadline);
    return done();
}

// Takes the waiting lines and writes them, without holding the lock.
void Writer::write_waiting(std::unique_lock<std::mutex>& lock, const Deadline& deadline) {
    std::deque<std::string> lines;
    lines.swap(queue_);
    // Lines without room came after these and before those that are queued from now on.
    const std::uint64_t behind = std::exchange(overflowed_, 0);
    last_line_changed_ = false;
    const std::string last_line = last_line_;
    writing_ = true;
    lock.unlock();
    erase_last_line(deadline);
    lock.lock();
    for (const std::string& line : lines) {
        lock.unlock();
        tell_of_dropped(deadline);
        if (!write_line(line, deadline)) {
            ++untold_;
            count_dropped(1);
        }
        lock.lock();
        waiting_bytes_ -= line.size();
    }
    lock.unlock();
    untold_ += behind;
    tell_of_dropped(deadline);
    show_last_line(last_line, deadline);
    lock.lock();
    writing_ = false;
    written_.notify_all();
}

void Writer::tell_of_dropped(const Deadline& deadline) {
    if (untold_ == 0 || !options_.notice) return;
    if (write_line(options_.notice(untold_), deadline)) untold_ = 0;
}

void Writer::erase_last_line(const Deadline& deadline) {
    constexpr std::string_view erase = "\r\x1b[K";
    if (last_line_shown_ && write_bytes(erase.data(), erase.size(), deadline)) last_line_shown_ = false;
}

// Not below a line that was cut.
void Writer::show_last_line(const std::string& text, const Deadline& deadline) {
    if (text.empty() || torn_ || last_line_shown_) return;
    last_line_shown_ = true;
    static_cast<void>(write_bytes(text.data(), text.size(), deadline));
    torn_ = false;  // whatever is there is erased before the next line
}

void Writer::count_dropped(std::uint64_t count) { dropped_.fetch_add(count, std::memory_order_relaxed); }

bool Writer::write_line(const std::string& line, const Deadline& deadline) {
    if (torn_ && !write_bytes("\n", 1, deadline)) return false;
    torn_ = false;
    return write_bytes(line.data(), line.size(), deadline);
}

// Writes at most PIPE_BUF bytes: a pipe accepts these without blocking when poll() reports it as writable.
bool Writer::write_bytes(const char* bytes, std::size_t size, const Deadline& deadline) {
    std::size_t done = 0;
    while (done < size) {
        if (!wait_for_room(deadline)) break;
        const ssize_t n = ::write(fd_, bytes + done, std::min<std::size_t>(size - done, PIPE_BUF));
        if (n > 0) {
            done += static_cast<std::size_t>(n);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            break;
        }
    }
    torn_ = torn_ || (done > 0 && done < size);
    return done == size;
}

// Returns false if there is no room before the deadline, or if the writer stops.
bool Writer::wait_for_room(const Deadline& deadline) const {
    std::array<pollfd, 2> fds{pollfd{fd_, POLLOUT, 0}, pollfd{stop_event_, POLLIN, 0}};
    for (;;) {
        int wait_ms = -1;
        if (deadline) {
            const auto left = std::chrono::ceil<milliseconds>(*deadline - steady_clock::now());
            wait_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
        }
        const int ready = poll(fds.data(), fds.size(), wait_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (fds[0].revents != 0) return true;  // also for errors, which write() then reports
        if (fds[1].revents != 0 || ready == 0) return false;
        if (ready < 0) return true;
    }
}

}  // namespace volley::log
