#include "conformance/session.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "conformance/verdict.hpp"

namespace volley::cli::conformance {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The line of its standard error that says most, for a reason of one line: the last one that names an error,
// or the last one.
std::string last_words(const handlers::Child& child) {
    const std::string tail = child.stderr_tail();
    std::string_view chosen;
    bool names_error = false;
    for (std::size_t begin = 0; begin < tail.size();) {
        const std::size_t end = std::min(tail.find('\n', begin), tail.size());
        const std::string_view line = std::string_view(tail).substr(begin, end - begin);
        const bool names =
            line.find("rror") != std::string_view::npos || line.find("panic") != std::string_view::npos;
        if (!line.empty() && (names || !names_error)) chosen = line;
        names_error = names_error || names;
        begin = end + 1;
    }
    return chosen.empty() ? std::string() : "; its standard error has " + excerpt(chosen);
}

}  // namespace

Result<std::unique_ptr<Session>> Session::start(const Program& program, std::uint32_t concurrency) {
    if (program.version >= 2)
        setenv("VOLLEY_CONCURRENCY", std::to_string(concurrency).c_str(), 1);
    else
        unsetenv("VOLLEY_CONCURRENCY");
    std::signal(SIGPIPE, SIG_IGN);  // a program may close its input
    auto child = handlers::Child::start({program.exec, ".", "handler-check", {}});
    if (!child) return child.error();
    std::unique_ptr<Session> session(new Session());
    session->program_ = program;
    session->child_ = std::move(*child);
    return session;
}

void Session::send(const Sent& message, std::string_view line) {
    sent_.push_back(message);
    unwritten_ += line;
    unwritten_ += '\n';
}

bool Session::wait_ready() {
    return run_until(
        [&] {
            const bool has_read = written_ > 0 && child_->unread() < written_;
            return !spoken_.empty() || has_read;
        },
        program_.timeout);
}

bool Session::wait_answers() { return wait_answers(sent_.size()); }

bool Session::wait_answers(std::size_t count) {
    return run_until([&] { return sent_.size() - unanswered(sent_, spoken_) >= count; }, program_.timeout);
}

std::optional<handlers::ChildEnd> Session::finish() {
    if (!run_until([&] { return unwritten_.empty(); }, program_.timeout) && !child_->has_ended())
        return std::nullopt;
    child_->close_input();
    input_closed_ = true;
    if (!wait_end()) return std::nullopt;
    return child_->kill();
}

bool Session::wait_end() {
    run_until([] { return false; }, program_.timeout);
    return child_->has_ended();
}

Abilities Session::abilities() const {
    if (spoken_.empty() || spoken_.front().what != Spoken::What::hello) return {};
    return read_abilities(spoken_.front().line);
}

// Returns whether `done` holds. Gives up when the program has ended, or shows no progress for too long.
bool Session::run_until(const std::function<bool()>& done, milliseconds timeout) {
    auto last = Clock::now();
    for (std::uint64_t seen = progress_; !done();) {
        if (child_->has_ended()) {
            read_some();  // what it wrote before its end
            return done();
        }
        if (progress_ != seen) {
            seen = progress_;
            last = Clock::now();
        }
        const auto left = std::chrono::ceil<milliseconds>(last + timeout - Clock::now()).count();
        if (left <= 0) return false;
        constexpr std::int64_t look = 20;
        turn(static_cast<int>(std::min<std::int64_t>(left, look)));
    }
    return true;
}

void Session::turn(int wait_ms) {
    const bool writes = !unwritten_.empty() && !input_closed_;
    pollfd fds[3] = {{output_closed_ ? -1 : child_->output(), POLLIN, 0},
                     {writes ? child_->input() : -1, POLLOUT, 0},
                     {child_->end_event(), POLLIN, 0}};
    if (poll(fds, 3, wait_ms) < 0) return;
    if (fds[1].revents != 0) write_some();
    if (fds[0].revents != 0) read_some();
}

void Session::write_some() {
    const ssize_t n = ::write(child_->input(), unwritten_.data(), unwritten_.size());
    if (n > 0) {
        unwritten_.erase(0, static_cast<std::size_t>(n));
        written_ += static_cast<std::size_t>(n);
        ++progress_;
    } else if (errno == EPIPE) {
        input_closed_ = true;
        unwritten_.clear();
    }
}

void Session::read_some() {
    char buffer[64 * 1024];
    for (ssize_t n = 1; !output_closed_ && n > 0;) {
        n = ::read(child_->output(), buffer, sizeof buffer);
        if (n == 0) output_closed_ = true;
        if (n <= 0) return;
        ++progress_;
        lines_.append({buffer, static_cast<std::size_t>(n)});
        while (const auto line = lines_.next())
            if (line->text.find_first_not_of(" \t\r") != std::string_view::npos)
                spoken_.push_back(read_spoken(line->text));
    }
}

Session::Diagnosis Session::diagnose() {
    const std::size_t before = unanswered(sent_, spoken_);
    const std::string counted = std::to_string(before) + " of " + std::to_string(sent_.size()) +
                                (sent_.size() == 1 ? " message" : " messages") + " without an answer";
    if (child_->has_ended()) {
        const std::string end = child_->kill().text;  // before last_words(), which is complete then
        return {counted + ": the program ended (" + end + ")" + last_words(*child_),
                "a handler runs until its standard input is closed"};
    }
    if (const auto unknown = find_unknown(sent_, spoken_))
        return {counted + ", and " + *unknown, "repeat the \"id\" of the message in its answer"};
    if (const auto noise = find_noise(spoken_)) {
        const bool is_answer = std::any_of(spoken_.begin(), spoken_.end(), [](const Spoken& one) {
            return one.what == Spoken::What::noise && one.line.front() == '{' && handlers::named_id(one.line);
        });
        return {counted + ", and " + *noise,
                is_answer ? "write each answer as one line of valid JSON with the fields of the protocol"
                          : "standard output is for answers alone: print to standard error, and end each "
                            "answer with a newline"};
    }
    const bool inside = lines_.is_inside();
    if (output_closed_) return {counted + ": it closed its standard output", "keep it open"};
    // Output that appears at the end of the input was kept in a buffer.
    child_->close_input();
    input_closed_ = true;
    constexpr milliseconds grace{2000};
    run_until([&] { return unanswered(sent_, spoken_) < before; }, std::min(grace, program_.timeout));
    if (unanswered(sent_, spoken_) < before)
        return {counted + " until its standard input was closed", "flush standard output after each answer"};
    if (inside)
        return {counted + ", and a line without its end", "end each answer with a newline, and flush it"};
    return {counted + " within " + std::to_string(program_.timeout.count()) + " ms" + last_words(*child_),
            "answer each message with a line {\"id\":…}; --timeout gives it more time"};
}

}  // namespace volley::cli::conformance
