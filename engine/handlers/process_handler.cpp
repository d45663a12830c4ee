#include "handlers/process_handler.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "log/log.hpp"

namespace volley::handlers {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest_backoff{100};
constexpr milliseconds longest_backoff{10'000};
// A child that ends sooner, without an answer, is restarted with growing delays.
constexpr milliseconds early_death{1'000};
// How often to check whether the engine stops or a lease is lost.
constexpr milliseconds look{100};
// How long to wait for the end of a child that has closed its pipes: its status tells how it ended.
constexpr milliseconds leaving_grace{100};
constexpr std::uint32_t recycling_time_ms = 2'000;  // for a child to end that has nothing to do any more
constexpr milliseconds loading_told_after{1'000};
// One log line in this time while children cannot start.
constexpr milliseconds cannot_start_period{60'000};
constexpr std::uint64_t answer_sizes = 16;  // an answer may be so many times max_message_bytes

}  // namespace

ProcessHandler::ProcessHandler(const Context& context, const volley_jobs* jobs, const ProcessOptions& options)
    : context_(context),
      handler_timeout_(options.handler_timeout_ms),
      startup_timeout_(std::max(options.startup_timeout_ms, options.handler_timeout_ms)),
      max_messages_(options.max_messages),
      max_memory_(options.max_memory),
      lines_(options.max_message_bytes * answer_sizes),
      exchange_(*jobs, context.component(), lines_.longest(), options.concurrency, options.queue,
                options.has_batches) {
    exchange_.sender.limit_messages(max_messages_);
    child_options_.exec = options.exec;
    child_options_.directory = context.base_dir().empty() ? "/" : context.base_dir();
    if (!options.working_dir.empty()) {
        const bool is_absolute = options.working_dir.front() == '/';
        child_options_.directory =
            is_absolute ? options.working_dir : child_options_.directory + "/" + options.working_dir;
    }
    child_options_.env = options.env;
    child_options_.clear_env = options.clear_env;
    child_options_.component = context.component();
    child_options_.concurrency = options.concurrency;
    // Otherwise a child that ends while it has no message would be noticed only with the next message.
    child_options_.on_end = [this](const ChildEnd& end) {
        if (has_messages_.load() || is_started_.load() || end.with_status_0) return;
        context_.health(VOLLEY_DOWN,
                        "the handler's process ended before it read a message (" + end.text + ")");
    };
}

// ---- the child's life

Result<void> ProcessHandler::start_child() {
    is_started_ = false;
    auto started = Child::start(child_options_);
    if (!started) return started.error();
    child_ = std::move(*started);
    if (last_end_ != LastEnd::none) context_.replaced(last_end_ == LastEnd::planned);
    last_end_ = LastEnd::unplanned;  // unless it is recycled
    born_ = loading_since_ = Clock::now();
    input_closed_ = output_closed_ = false;
    leaving_since_.reset();
    too_large_.clear();
    lines_.clear();
    outbox_.reset();
    exchange_.begin_child();
    loading_since_ = Clock::now();
    return {};
}

void ProcessHandler::open() {
    if (auto started = start_child(); !started) throw started.error();
}

void ProcessHandler::close(std::uint32_t timeout_ms) {
    has_messages_ = true;  // its end is no news
    if (child_) child_->end(timeout_ms);
    child_.reset();
}

// Waits for the time at which a new child may be started.
void ProcessHandler::wait_for_backoff(Clock::time_point until) {
    const auto wait = std::min({not_before_, until, Clock::now() + look}) - Clock::now();
    if (wait > Clock::duration(0)) {
        pollfd woken{wake_.descriptor(), POLLIN, 0};
        ::poll(&woken, 1, static_cast<int>(std::chrono::ceil<milliseconds>(wait).count()));
    }
    exchange_.sender.send_more(outbox_);  // sends nothing, but finishes what is cancelled
    outbox_.reset();
}

void ProcessHandler::back_off(bool answered) {
    backoff_ = answered ? milliseconds(0) : std::clamp(backoff_ * 2, shortest_backoff, longest_backoff);
    not_before_ = Clock::now() + backoff_;
}

void ProcessHandler::report_cannot_start(const std::string& why) {
    const auto now = Clock::now();
    context_.health(VOLLEY_DOWN, "the handler's process cannot start: " + why);
    if (is_down_ && now - cannot_start_logged_ < cannot_start_period) return;
    is_down_ = true;
    cannot_start_logged_ = now;
    log::warning("the handler's process cannot start; its input waits, and no attempt is counted",
                 {{"component", child_options_.component}, {"cause", why}});
}

void ProcessHandler::report_started() {
    is_started_ = true;
    if (is_down_) log::info("the handler's process has started", {{"component", child_options_.component}});
    is_down_ = false;
    context_.health(VOLLEY_UP, "");
}

// Reports the state to readiness, and so that loading is not taken for a stall.
void ProcessHandler::report_loading() {
    if (!is_down_) context_.health(VOLLEY_DOWN, "the handler's process is loading");
}

// The child has ended, or must be killed. The message that it was at work on loses an attempt if the child
// has begun to read it. A child that ends with status 0 between two messages is only replaced.
void ProcessHandler::bury(std::uint32_t reason, const std::string& why) {
    const std::uint64_t read = outbox_.taken - child_->unread();
    read_rest();
    const bool half_an_answer = lines_.is_inside();
    const ChildEnd ended = child_->kill();
    const std::string tail = child_->stderr_tail();
    child_.reset();
    const bool answered = exchange_.child.has_answered;
    std::string text = why + " (" + ended.text + ")";
    if (!tail.empty())
        text += "; the end of its standard error: " + tail.substr(tail.size() > 512 ? tail.size() - 512 : 0);
    const bool is_recycled = ended.with_status_0 && answered && !half_an_answer;
    if (is_recycled) last_end_ = LastEnd::planned;
    if (!exchange_.requests.is_over() && exchange_.at_work.has_read_any(read) && !is_recycled) {
        log::warning("the handler's process is replaced",
                     {{"component", child_options_.component}, {"cause", text}});
        back_off(answered || Clock::now() - born_ >= early_death);
        return exchange_.at_work.blame(read, reason, text);
    }
    if (answered) {
        log::info("the handler's process ended between two messages; another is started",
                  {{"component", child_options_.component}, {"cause", text}});
        exchange_.at_work.isolate(read);
        return back_off(true);
    }
    report_cannot_start(text);
    back_off(false);
    give_back(exchange_.requests);
}

// A message is out of time, and the child has finished whatever else it was at work on.
void ProcessHandler::replace() {
    const ChildEnd ended = child_->kill();
    child_.reset();
    log::warning("the handler's process is replaced",
                 {{"component", child_options_.component},
                  {"cause", "no answer within " + std::to_string(handler_timeout_.count()) + " ms (" +
                                ended.text + ")"}});
    back_off(true);
    give_back_but_alone(exchange_.requests);
}

// The child has done its share and has no message: it gets the end of its input, and another one follows.
void ProcessHandler::recycle(const std::string& why) {
    const ChildEnd ended = child_->end(recycling_time_ms);
    child_.reset();
    last_end_ = LastEnd::planned;
    log::info("the handler's process is recycled",
              {{"component", child_options_.component}, {"cause", why + " (" + ended.text + ")"}});
    back_off(true);
}

void ProcessHandler::check_memory() {
    if (max_memory_ == 0 || !too_large_.empty()) return;
    const std::uint64_t bytes = child_->resident_bytes();
    if (bytes <= max_memory_) return;
    constexpr std::uint64_t mebibyte = 1 << 20;
    too_large_ = "it uses " + std::to_string(bytes / mebibyte) + " MiB of memory";
    exchange_.sender.stop();
}

// ---- messages

void ProcessHandler::handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
    if (exchange_.requests.is_over()) loading_since_ = Clock::now();
    has_messages_ = true;
    exchange_.requests.add(tasks, count, stride);
    if (!child_ || exchange_.sender.is_stopped()) return;
    exchange_.sender.send_more(outbox_);
    if (!outbox_.pending().empty() && !input_closed_) write_some();
}

void ProcessHandler::poll(milliseconds timeout) {
    const auto until = Clock::now() + timeout;
    const std::uint64_t finished = exchange_.requests.finished();
    bool is_woken = false;
    do {
        turn(until);
        pollfd woken{wake_.descriptor(), POLLIN, 0};
        is_woken = ::poll(&woken, 1, 0) > 0;
    } while (!is_woken && !exchange_.requests.is_over() && exchange_.requests.finished() == finished &&
             Clock::now() < until);
    if (is_woken) wake_.clear();
    if (child_ && !is_started_ && exchange_.child.has_spoken) report_started();
    has_messages_ = !exchange_.requests.is_over();
}

void ProcessHandler::turn(Clock::time_point until) {
    if (exchange_.requests.is_over()) return;
    if (!child_) {
        if (Clock::now() < not_before_) return wait_for_backoff(until);
        if (const auto started = start_child(); !started) {
            report_cannot_start(started.error().text);
            back_off(false);
            return give_back(exchange_.requests);
        }
    }
    exchange_.sender.send_more(outbox_);
    if (exchange_.requests.is_over()) return;
    const auto now = Clock::now();
    note_progress(now);
    if (exchange_.sender.is_used_up())
        return recycle("it has handled " + std::to_string(max_messages_) + " messages");
    if (exchange_.sender.is_stopped() && !exchange_.requests.is_waiting())
        return too_large_.empty() ? replace() : recycle(too_large_);
    if (now >= deadline()) return out_of_time(now);
    if (now - looked_ >= look) look_around(now);
    if (child_) transfer(std::min(until, deadline()));
}

ProcessHandler::Clock::time_point ProcessHandler::deadline() const {
    const auto of_message =
        is_started_ ? exchange_.at_work.first_deadline(handler_timeout_) : loading_since_ + startup_timeout_;
    return leaving_since_ ? std::min(of_message, *leaving_since_ + leaving_grace) : of_message;
}

void ProcessHandler::out_of_time(Clock::time_point now) {
    if (leaving_since_ && now >= *leaving_since_ + leaving_grace) {
        return bury(VOLLEY_REASON_CRASH, output_closed_ ? "the handler's process closed its standard output"
                                                        : "the handler's process closed its standard input");
    }
    if (!is_started_) {
        return bury(VOLLEY_REASON_TIMEOUT,
                    "it read no message within " + std::to_string(startup_timeout_.count()) + " ms");
    }
    std::string why = "no answer within " + std::to_string(handler_timeout_.count()) + " ms";
    if (const std::string cause = exchange_.answers.probable_cause(); !cause.empty()) why += "; " + cause;
    if (const std::string tail = child_->stderr_tail(); !tail.empty())
        why += "; the end of its standard error: " + tail.substr(tail.size() > 512 ? tail.size() - 512 : 0);
    exchange_.time_out(now, handler_timeout_, why);
}

// The timeout of a message begins when the child can be at work on it, and not before the program has loaded.
void ProcessHandler::note_progress(Clock::time_point now) {
    if (!is_started_ && (exchange_.child.has_spoken || child_->unread() < outbox_.taken)) report_started();
    if (is_started_) exchange_.at_work.note(now);
    if (exchange_.child.has_answered) backoff_ = milliseconds(0);
}

// Sends cancellations. Kills the child when the time for a stop is over.
void ProcessHandler::look_around(Clock::time_point now) {
    looked_ = now;
    if (exchange_.sender.is_given_up()) {
        child_->kill();
        child_.reset();
        return give_back(exchange_.requests);
    }
    exchange_.sender.send_cancelled(outbox_);
    check_memory();
    if (!is_started_ && now - loading_since_ >= loading_told_after) report_loading();
}

void ProcessHandler::transfer(Clock::time_point until) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    const int wait = static_cast<int>(std::clamp(left, milliseconds(0), look).count());
    const bool pending = !outbox_.pending().empty();
    // Also polls the input if there is nothing to write, to notice that it is closed.
    pollfd fds[4] = {{output_closed_ ? -1 : child_->output(), POLLIN, 0},
                     {input_closed_ ? -1 : child_->input(), static_cast<short>(pending ? POLLOUT : 0), 0},
                     {child_->end_event(), POLLIN, 0},
                     {wake_.descriptor(), POLLIN, 0}};
    if (::poll(fds, 4, wait) < 0 && errno != EINTR) return;
    if ((fds[1].revents & POLLERR) != 0)
        input_closed_ = true;
    else if ((fds[1].revents & POLLOUT) != 0)
        write_some();
    if (fds[0].revents != 0 && !read_some()) return;
    const bool ended = child_->end_event() >= 0 ? fds[2].revents != 0 : child_->has_ended();
    if (ended) return bury(VOLLEY_REASON_CRASH, "the handler's process ended");
    note_leaving();
}

// No more answers can come: the output is closed, or the child cannot get the rest of its input.
void ProcessHandler::note_leaving() {
    if (leaving_since_ || exchange_.requests.is_over()) return;
    const bool no_more_input =
        input_closed_ && !exchange_.at_work.has_read_any(outbox_.taken - child_->unread());
    if (output_closed_ || no_more_input) leaving_since_ = Clock::now();
}

void ProcessHandler::write_some() {
    const std::string_view pending = outbox_.pending();
    const ssize_t n = write(child_->input(), pending.data(), pending.size());
    if (n >= 0)
        outbox_.advance(static_cast<std::size_t>(n));
    else if (errno == EPIPE)
        input_closed_ = true;
}

// Returns false if the child was killed.
bool ProcessHandler::read_some() {
    char buffer[64 * 1024];
    const ssize_t n = read(child_->output(), buffer, sizeof buffer);
    if (n == 0) output_closed_ = true;
    if (n <= 0) return true;
    lines_.append({buffer, static_cast<std::size_t>(n)});
    while (const auto line = lines_.next()) {
        if (const auto why = exchange_.answers.take(*line)) {
            bury(VOLLEY_REASON_CRASH, *why);
            return false;
        }
    }
    return true;
}

// Answers that it wrote before its end count, up to the capacity of the pipe: another process can hold the
// pipe, and write without end.
void ProcessHandler::read_rest() {
    constexpr std::size_t most = 1 << 20;
    char buffer[64 * 1024];
    for (std::size_t rest = 0; rest < most && !output_closed_;) {
        const ssize_t n = read(child_->output(), buffer, sizeof buffer);
        if (n <= 0) return;
        rest += static_cast<std::size_t>(n);
        lines_.append({buffer, static_cast<std::size_t>(n)});
        while (const auto line = lines_.next()) static_cast<void>(exchange_.answers.take(*line));
    }
}

}  // namespace volley::handlers
