#include "handlers/process_handler.hpp"

#include <poll.h>

#include <algorithm>

#include "log/log.hpp"

namespace volley::handlers {

namespace {

using std::chrono::milliseconds;

// A child that ends sooner, without an answer, is restarted with growing delays.
constexpr milliseconds early_death{1'000};
// How often to check whether the engine stops or a lease is lost.
constexpr milliseconds look{100};
// How long to wait for the end of a child that has closed its pipes: its status tells how it ended.
constexpr milliseconds leaving_grace{100};
constexpr std::uint32_t recycling_time_ms = 2'000;  // for a child to end that has nothing to do any more
constexpr milliseconds loading_told_after{1'000};
constexpr std::uint64_t answer_sizes = 16;  // an answer may be so many times max_message_bytes

ChildOptions child_options_of(const Context& context, const ProcessOptions& options) {
    ChildOptions child;
    child.exec = options.exec;
    child.directory = context.base_dir().empty() ? "/" : context.base_dir();
    if (!options.working_dir.empty()) {
        const bool is_absolute = options.working_dir.front() == '/';
        child.directory = is_absolute ? options.working_dir : child.directory + "/" + options.working_dir;
    }
    child.env = options.env;
    child.clear_env = options.clear_env;
    child.component = context.component();
    child.concurrency = options.concurrency;
    return child;
}

// The end of a child's standard error, as a part of a sentence.
std::string with_tail(const std::string& tail) {
    constexpr std::size_t longest = 512;
    if (tail.empty()) return {};
    return "; the end of its standard error: " +
           tail.substr(tail.size() > longest ? tail.size() - longest : 0);
}

// That the child uses more memory than it may; otherwise empty.
std::string excess_memory(const Child& child, std::uint64_t most) {
    if (most == 0) return {};
    const std::uint64_t bytes = child.resident_bytes();
    if (bytes <= most) return {};
    constexpr std::uint64_t mebibyte = 1 << 20;
    return "it uses " + std::to_string(bytes / mebibyte) + " MiB of memory";
}

}  // namespace

ProcessHandler::ProcessHandler(const Context& context, const volley_jobs* jobs, const ProcessOptions& options)
    : limits_{milliseconds(options.handler_timeout_ms),
              milliseconds(std::max(options.startup_timeout_ms, options.handler_timeout_ms)),
              options.max_messages, options.max_memory},
      child_options_(child_options_of(context, options)),
      exchange_(*jobs, context.component(), options.max_message_bytes * answer_sizes, options.concurrency,
                options.queue, options.has_batches),
      readiness_(context),
      pipes_(options.max_message_bytes * answer_sizes) {
    exchange_.sender.limit_messages(limits_.max_messages);
    child_options_.on_end = [this](const ChildEnd& end) { readiness_.ended(end); };
}

// ---- the child's life

Result<void> ProcessHandler::start_child() {
    readiness_.starting();
    if (auto started = pipes_.start(child_options_); !started) return started.error();
    if (last_end_ != LastEnd::none) readiness_.replaced(last_end_ == LastEnd::planned);
    last_end_ = LastEnd::unplanned;  // unless it is recycled
    life_ = {};
    life_.born = life_.loading_since = Clock::now();
    exchange_.begin_child();
    return {};
}

void ProcessHandler::open() {
    if (auto started = start_child(); !started) throw started.error();
}

void ProcessHandler::close(std::uint32_t timeout_ms) {
    readiness_.set_has_messages(true);  // its end is no news
    if (const auto child = pipes_.release()) child->end(timeout_ms);
}

// Waits for the time at which a new child may be started.
void ProcessHandler::wait_for_backoff(Clock::time_point until) {
    const auto wait = std::min({backoff_.not_before(), until, Clock::now() + look}) - Clock::now();
    if (wait > Clock::duration(0)) {
        pollfd woken{wake_.descriptor(), POLLIN, 0};
        ::poll(&woken, 1, static_cast<int>(std::chrono::ceil<milliseconds>(wait).count()));
    }
    Outbox nowhere;
    exchange_.sender.send_more(nowhere);  // sends nothing, but finishes what is cancelled
}

// The child has ended, or must be killed. The message that it was at work on loses an attempt if the child
// has begun to read it. A child that ends with status 0 between two messages is only replaced.
void ProcessHandler::bury(std::uint32_t reason, const std::string& why) {
    const std::uint64_t read = pipes_.bytes_read();
    // Answers that it wrote before its end count, up to the capacity of the pipe: another process can hold
    // the pipe, and write without end.
    constexpr std::size_t most = 1 << 20;
    std::size_t rest = 0;
    while (rest < most) {
        const std::size_t bytes = pipes_.read();
        if (bytes == 0) break;
        rest += bytes;
        while (const auto line = pipes_.next_line()) static_cast<void>(exchange_.answers.take(*line));
    }
    const bool half_an_answer = pipes_.is_inside_line();
    auto child = pipes_.release();
    const ChildEnd ended = child->kill();
    const std::string text = why + " (" + ended.text + ")" + with_tail(child->stderr_tail());
    child.reset();
    const auto now = Clock::now();
    const bool answered = exchange_.child.has_answered;
    const bool is_recycled = ended.with_status_0 && answered && !half_an_answer;
    if (is_recycled) last_end_ = LastEnd::planned;
    if (!exchange_.requests.is_over() && exchange_.at_work.has_read_any(read) && !is_recycled) {
        log::warning("the handler's process is replaced",
                     {{"component", child_options_.component}, {"cause", text}});
        backoff_.child_ended(answered || now - life_.born >= early_death, now);
        return exchange_.at_work.blame(read, reason, text);
    }
    backoff_.child_ended(answered, now);
    if (answered) {
        log::info("the handler's process ended between two messages; another is started",
                  {{"component", child_options_.component}, {"cause", text}});
        return exchange_.at_work.isolate(read);
    }
    readiness_.cannot_start(text);
    give_back(exchange_.requests);
}

// A message is out of time, and the child has finished whatever else it was at work on.
void ProcessHandler::replace() {
    const ChildEnd ended = pipes_.release()->kill();
    log::warning("the handler's process is replaced",
                 {{"component", child_options_.component},
                  {"cause", "no answer within " + std::to_string(limits_.handler_timeout.count()) + " ms (" +
                                ended.text + ")"}});
    backoff_.child_ended(true, Clock::now());
    give_back_but_alone(exchange_.requests);
}

// The child has done its share and has no message: it gets the end of its input, and another one follows.
void ProcessHandler::recycle(const std::string& why) {
    const ChildEnd ended = pipes_.release()->end(recycling_time_ms);
    last_end_ = LastEnd::planned;
    log::info("the handler's process is recycled",
              {{"component", child_options_.component}, {"cause", why + " (" + ended.text + ")"}});
    backoff_.child_ended(true, Clock::now());
}

// ---- messages

void ProcessHandler::handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
    if (exchange_.requests.is_over()) life_.loading_since = Clock::now();
    readiness_.set_has_messages(true);
    exchange_.requests.add(tasks, count, stride);
    if (!pipes_.is_running() || exchange_.sender.is_stopped()) return;
    exchange_.sender.send_more(pipes_.outbox());
    pipes_.write();
}

void ProcessHandler::poll(milliseconds timeout) {
    const auto until = Clock::now() + timeout;
    const OpenRequests& requests = exchange_.requests;
    const std::uint64_t finished = requests.finished();
    bool is_woken = false;
    do {
        turn(until);
        pollfd woken{wake_.descriptor(), POLLIN, 0};
        is_woken = ::poll(&woken, 1, 0) > 0;
    } while (!is_woken && !requests.is_over() && requests.finished() == finished && Clock::now() < until);
    if (is_woken) wake_.clear();
    if (pipes_.is_running() && !readiness_.is_started() && exchange_.child.has_spoken) readiness_.started();
    readiness_.set_has_messages(!requests.is_over());
}

void ProcessHandler::turn(Clock::time_point until) {
    if (exchange_.requests.is_over()) return;
    if (!pipes_.is_running()) {
        if (Clock::now() < backoff_.not_before()) return wait_for_backoff(until);
        if (const auto started = start_child(); !started) {
            readiness_.cannot_start(started.error().text);
            backoff_.child_ended(false, Clock::now());
            return give_back(exchange_.requests);
        }
    }
    exchange_.sender.send_more(pipes_.outbox());
    if (exchange_.requests.is_over()) return;
    const auto now = Clock::now();
    note_progress(now);
    if (exchange_.sender.is_used_up())
        return recycle("it has handled " + std::to_string(limits_.max_messages) + " messages");
    if (exchange_.sender.is_stopped() && !exchange_.requests.is_waiting())
        return life_.too_large.empty() ? replace() : recycle(life_.too_large);
    if (now >= deadline()) return out_of_time(now);
    if (now - looked_ >= look) look_around(now);
    if (pipes_.is_running()) transfer(std::min(until, deadline()));
}

ProcessHandler::Clock::time_point ProcessHandler::deadline() const {
    const auto of_message = readiness_.is_started()
                                ? exchange_.at_work.first_deadline(limits_.handler_timeout)
                                : life_.loading_since + limits_.startup_timeout;
    return life_.leaving_since ? std::min(of_message, *life_.leaving_since + leaving_grace) : of_message;
}

void ProcessHandler::out_of_time(Clock::time_point now) {
    if (life_.leaving_since && now >= *life_.leaving_since + leaving_grace) {
        return bury(VOLLEY_REASON_CRASH, pipes_.is_output_closed()
                                             ? "the handler's process closed its standard output"
                                             : "the handler's process closed its standard input");
    }
    if (!readiness_.is_started()) {
        return bury(VOLLEY_REASON_TIMEOUT,
                    "it read no message within " + std::to_string(limits_.startup_timeout.count()) + " ms");
    }
    std::string why = "no answer within " + std::to_string(limits_.handler_timeout.count()) + " ms";
    if (const std::string cause = exchange_.answers.probable_cause(); !cause.empty()) why += "; " + cause;
    exchange_.time_out(now, limits_.handler_timeout, why + with_tail(pipes_.child().stderr_tail()));
}

// The timeout of a message begins when the child can be at work on it, and not before the program has loaded.
void ProcessHandler::note_progress(Clock::time_point now) {
    if (!readiness_.is_started() && (exchange_.child.has_spoken || pipes_.bytes_read() > 0))
        readiness_.started();
    if (readiness_.is_started()) exchange_.at_work.note(now);
    if (exchange_.child.has_answered) backoff_.reset();
}

// Sends cancellations. Kills the child when the time for a stop is over.
void ProcessHandler::look_around(Clock::time_point now) {
    looked_ = now;
    if (exchange_.sender.is_given_up()) {
        pipes_.release()->kill();
        return give_back(exchange_.requests);
    }
    exchange_.sender.send_cancelled(pipes_.outbox());
    if (life_.too_large.empty()) {
        life_.too_large = excess_memory(pipes_.child(), limits_.max_memory);
        if (!life_.too_large.empty()) exchange_.sender.stop();
    }
    if (!readiness_.is_started() && now - life_.loading_since >= loading_told_after) readiness_.loading();
}

void ProcessHandler::transfer(Clock::time_point until) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    const bool has_ended = pipes_.transfer(std::clamp(left, milliseconds(0), look), wake_.descriptor());
    if (const auto why = take_lines()) return bury(VOLLEY_REASON_CRASH, *why);
    if (has_ended) return bury(VOLLEY_REASON_CRASH, "the handler's process ended");
    if (life_.leaving_since || exchange_.requests.is_over()) return;
    // No more answers can come: the output is closed, or the child cannot get the rest of its input.
    const bool no_more_input =
        pipes_.is_input_closed() && !exchange_.at_work.has_read_any(pipes_.bytes_read());
    if (pipes_.is_output_closed() || no_more_input) life_.leaving_since = Clock::now();
}

// Returns why the child must be replaced, or nothing.
std::optional<std::string> ProcessHandler::take_lines() {
    while (const auto line = pipes_.next_line()) {
        if (auto why = exchange_.answers.take(*line)) return why;
    }
    return std::nullopt;
}

}  // namespace volley::handlers
