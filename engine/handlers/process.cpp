#include "handlers/process.hpp"

#include <poll.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>

#include "handlers/child.hpp"
#include "handlers/process_protocol.hpp"
#include "log/log.hpp"
#include "volley/abi.hpp"

namespace volley::handlers {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds shortest_backoff{100};
constexpr milliseconds longest_backoff{10'000};
constexpr milliseconds early_death{
    1'000};                   // one that dies sooner, having answered nothing, is restarted ever later
constexpr int look_ms = 100;  // at whether the engine stops, or a lease is lost
constexpr std::size_t outbox_low =
    8 * 1024;  // so much is written first: the child need not wait for all lines

bool holds(const std::vector<std::uint32_t>& chains, std::uint32_t chain) {
    return std::find(chains.begin(), chains.end(), chain) != chains.end();
}

class ProcessHandler {
public:
    ProcessHandler(const Context& context, const volley_jobs* jobs);
    void open();
    void handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride);
    void close(std::uint32_t timeout_ms);

private:
    void ensure_child(volley_job* job);
    void forget_unsent();
    void send_more();
    void advance();
    void exchange();
    void tell_cancelled();
    void write_some();
    void read_some();
    void take_line(std::string_view line);
    void finish(volley_task& task, const Answer& answer);
    void emit(volley_task& task, const AnswerOutput& output);
    void blame(std::uint32_t reason, const std::string& why);
    void give_rest_back(std::size_t from);
    bool is_cancelled(volley_job* job) const { return jobs_.cancelled(jobs_.context, job) != 0; }
    volley_task& task(std::size_t i) { return element(tasks_, stride_, i); }

    ChildOptions child_options_;
    milliseconds timeout_{30'000};
    std::size_t longest_line_ = 4 << 20;
    const volley_jobs& jobs_;
    std::unique_ptr<Child> child_;
    Clock::time_point started_{};
    Clock::time_point not_before_{};
    milliseconds backoff_{0};
    bool answered_ = false;       // this child has answered something
    bool keeps_chains_ = false;   // it has said that it leaves out what stands behind a failure in its chain
    bool hears_cancels_ = false;  // it has said that it wants to know what nobody waits for

    // Of the call at hand.
    volley_task* tasks_ = nullptr;
    std::uint32_t stride_ = 0;
    std::size_t count_ = 0;
    std::size_t written_ = 0;  // tasks whose line is in the outbox or sent
    std::size_t first_ = 0;    // the oldest that is not answered
    std::vector<bool> done_;
    std::vector<bool> told_;  // it is cancelled, and the child knows
    Clock::time_point looked_{};
    std::vector<std::uint32_t>
        open_chains_;  // of messages sent and not answered, if the child does not keep them
    std::vector<std::uint32_t> failed_chains_;  // likewise: nothing more of them in this call
    std::uint64_t call_ = 0;
    std::uint64_t base_id_ = 0;
    std::string outbox_;
    std::size_t outbox_sent_ = 0;
    std::string inbox_;
    Clock::time_point oldest_since_{};
};

ProcessHandler::ProcessHandler(const Context& context, const volley_jobs* jobs) : jobs_(*jobs) {
    rapidjson::Document config;
    config.Parse(context.config_json().c_str());
    for (const auto& word : config["exec"].GetArray()) child_options_.exec.emplace_back(word.GetString());
    child_options_.directory = context.base_dir().empty() ? "/" : context.base_dir();
    child_options_.component = context.component();
    timeout_ = milliseconds(config["handler_timeout_ms"].GetInt64());
    longest_line_ = config["max_message_bytes"].GetUint64() * 4;
}

void ProcessHandler::open() {
    auto started = Child::start(child_options_);
    if (!started) throw started.error();
    child_ = std::move(*started);
    started_ = Clock::now();
}

void ProcessHandler::close(std::uint32_t timeout_ms) {
    if (child_) child_->end(timeout_ms);
    child_.reset();
}

void ProcessHandler::handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
    tasks_ = tasks;
    stride_ = stride;
    count_ = count;
    written_ = first_ = 0;
    done_.assign(count, false);
    told_.assign(count, false);
    base_id_ += 1'000'000;
    ++call_;
    open_chains_.clear();
    failed_chains_.clear();
    forget_unsent();
    inbox_.clear();
    while (first_ < count_) {
        if (!child_) {
            ensure_child(task(first_).job);
            if (!child_) return give_rest_back(first_);
        }
        if (written_ == first_) oldest_since_ = Clock::now();
        send_more();
        if (first_ == count_) return;
        if (written_ == first_) return give_rest_back(first_);  // stopping, and nothing is at work
        exchange();
    }
}

// Of the call before, cancellations may stand in the outbox. A line that is begun is finished.
void ProcessHandler::forget_unsent() {
    const bool inside = child_ && outbox_sent_ > 0 && outbox_[outbox_sent_ - 1] != '\n';
    if (inside) {
        outbox_.resize(outbox_.find('\n', outbox_sent_) + 1);
    } else {
        outbox_.clear();
        outbox_sent_ = 0;
    }
}

// A new child, not sooner than the backoff allows; none if the engine stops meanwhile or it cannot be made.
void ProcessHandler::ensure_child(volley_job* job) {
    while (Clock::now() < not_before_) {
        if (is_cancelled(job)) return;
        poll(nullptr, 0, 20);
    }
    auto started = Child::start(child_options_);
    if (!started) {
        log::warning("the handler's process cannot be restarted",
                     {{"component", child_options_.component}, {"cause", started.error().text}});
        backoff_ = std::clamp(backoff_ * 2, shortest_backoff, longest_backoff);
        not_before_ = Clock::now() + backoff_;
        return;
    }
    child_ = std::move(*started);
    started_ = Clock::now();
    answered_ = keeps_chains_ = hears_cancels_ = false;
    open_chains_.clear();
}

// Lines go ahead of the answers, as far as the outbox is not long already.
void ProcessHandler::send_more() {
    while (written_ < count_ && outbox_.size() - outbox_sent_ < outbox_low) {
        const volley_task& next = task(written_);
        if (is_cancelled(next.job)) return;
        if (!keeps_chains_ && next.chain != 0) {
            if (holds(failed_chains_, next.chain)) {
                task(written_).status = VOLLEY_AGAIN;
                done_[written_++] = true;
                advance();
                continue;
            }
            if (holds(open_chains_, next.chain)) return;
            open_chains_.push_back(next.chain);
        }
        append_request(outbox_, {base_id_ + written_, next.attempt, keeps_chains_ ? next.chain : 0, call_},
                       *next.message);
        ++written_;
    }
}

// Goes on to the oldest message that is not answered.
void ProcessHandler::advance() {
    const std::size_t before = first_;
    while (first_ < count_ && done_[first_]) ++first_;
    if (first_ != before) oldest_since_ = Clock::now();
}

void ProcessHandler::exchange() {
    const auto left = std::chrono::duration_cast<milliseconds>(oldest_since_ + timeout_ - Clock::now());
    if (left.count() <= 0) {
        return blame(VOLLEY_REASON_TIMEOUT, "no answer within " + std::to_string(timeout_.count()) + " ms");
    }
    tell_cancelled();
    const bool pending = outbox_sent_ < outbox_.size();
    pollfd fds[2] = {{child_->output(), POLLIN, 0},
                     {child_->input(), static_cast<short>(pending ? POLLOUT : 0), 0}};
    const int wait = static_cast<int>(std::min<std::int64_t>(left.count() + 1, look_ms));
    if (poll(fds, pending ? 2 : 1, wait) < 0 && errno != EINTR) return;
    if (pending && (fds[1].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) write_some();
    if (child_ && (fds[0].revents & (POLLIN | POLLHUP)) != 0) read_some();
}

// Of what is with the child: it may give it up. It answers all the same.
void ProcessHandler::tell_cancelled() {
    if (!hears_cancels_ || Clock::now() - looked_ < milliseconds(look_ms)) return;
    looked_ = Clock::now();
    for (std::size_t i = first_; i < written_; ++i) {
        if (done_[i] || told_[i] || !is_cancelled(task(i).job)) continue;
        append_cancelled(outbox_, base_id_ + i);
        told_[i] = true;
    }
}

void ProcessHandler::write_some() {
    const ssize_t n = write(child_->input(), outbox_.data() + outbox_sent_, outbox_.size() - outbox_sent_);
    if (n < 0) return;  // EAGAIN: later; EPIPE: reading says how it ended
    outbox_sent_ += static_cast<std::size_t>(n);
    if (outbox_sent_ == outbox_.size()) {
        outbox_.clear();
        outbox_sent_ = 0;
    }
}

void ProcessHandler::read_some() {
    char buffer[64 * 1024];
    const ssize_t n = read(child_->output(), buffer, sizeof buffer);
    if (n < 0) return;
    if (n == 0) return blame(VOLLEY_REASON_CRASH, "the handler's process ended");
    inbox_.append(buffer, static_cast<std::size_t>(n));
    std::size_t begin = 0;
    while (child_) {
        const std::size_t end = inbox_.find('\n', begin);
        if (end == std::string::npos) break;
        take_line(std::string_view(inbox_).substr(begin, end - begin));
        begin = end + 1;
    }
    if (!child_) return;
    inbox_.erase(0, begin);
    if (inbox_.size() > longest_line_)
        blame(VOLLEY_REASON_CRASH, "an answer line longer than " + std::to_string(longest_line_) + " bytes");
}

void ProcessHandler::take_line(std::string_view line) {
    if (line.empty()) return;
    auto answer = parse_answer(line);
    if (!answer) return blame(VOLLEY_REASON_CRASH, answer.error().text);
    if (answer->kind == Answer::Kind::hello) {
        keeps_chains_ = answer->keeps_chains;
        hears_cancels_ = answer->hears_cancels;
        return;
    }
    const std::uint64_t index = answer->id - base_id_;
    if (index >= written_ || done_[index]) {
        return blame(VOLLEY_REASON_CRASH, "the handler answered a message that it does not have");
    }
    answered_ = true;
    backoff_ = milliseconds(0);
    done_[index] = true;
    finish(task(index), *answer);
    if (!keeps_chains_ && task(index).chain != 0) {
        const std::uint32_t chain = task(index).chain;
        open_chains_.erase(std::remove(open_chains_.begin(), open_chains_.end(), chain), open_chains_.end());
        if (task(index).status != VOLLEY_OK && task(index).status != VOLLEY_DROP)
            failed_chains_.push_back(chain);
    }
    advance();
}

void ProcessHandler::finish(volley_task& task, const Answer& answer) {
    if (!answer.why.empty()) jobs_.explain(jobs_.context, task.job, view_of(answer.why));
    switch (answer.kind) {
        case Answer::Kind::retry:
            task.status = VOLLEY_E_RETRY;
            task.retry_after_ms = answer.after_ms;
            return;
        case Answer::Kind::fail:
            task.status = VOLLEY_E_PERMANENT;
            return;
        case Answer::Kind::drop:
            task.status = VOLLEY_DROP;
            return;
        case Answer::Kind::skipped:
            task.status = VOLLEY_AGAIN;
            return;
        case Answer::Kind::hello:
            return;
        case Answer::Kind::done:
            task.status = VOLLEY_OK;
            for (const AnswerOutput& output : answer.outputs) emit(task, output);
    }
}

// A refused output fails the message: the engine keeps why.
void ProcessHandler::emit(volley_task& task, const AnswerOutput& output) {
    std::vector<volley_header> headers;
    for (const auto& [name, value] : output.headers) headers.push_back({view_of(name), view_of(value)});
    volley_record record{};
    if (output.body) record.body = view_of(*output.body);
    if (output.key) record.key = view_of(*output.key);
    record.headers = headers.data();
    record.header_count = static_cast<std::uint32_t>(headers.size());
    record.partition = output.partition;
    record.delay_ms = output.delay_ms;
    const volley_view queue = output.queue.empty() ? volley_view{} : view_of(output.queue);
    jobs_.emit(jobs_.context, task.job, queue, &record, sizeof record, nullptr);
}

// The oldest unanswered message was at work: it pays. The child goes, whatever it was.
void ProcessHandler::blame(std::uint32_t reason, const std::string& why) {
    const std::string ended = child_->kill();
    std::string tail = child_->stderr_tail();
    std::string text = why + " (" + ended + ")";
    child_.reset();
    if (!tail.empty()) text += "; its last words: " + tail.substr(tail.size() > 512 ? tail.size() - 512 : 0);
    log::warning("the handler's process is replaced",
                 {{"component", child_options_.component}, {"cause", text}});
    const bool early = !answered_ && Clock::now() - started_ < early_death;
    backoff_ = early ? std::clamp(backoff_ * 2, shortest_backoff, longest_backoff) : milliseconds(0);
    not_before_ = Clock::now() + backoff_;

    volley_task& guilty = task(first_);
    guilty.status = VOLLEY_E_RETRY;
    guilty.reason = reason;
    jobs_.explain(jobs_.context, guilty.job, view_of(text));
    done_[first_] = true;
    give_rest_back(first_ + 1);
    first_ = count_;
}

// Not started, so no attempt is counted: the engine hands them out again.
void ProcessHandler::give_rest_back(std::size_t from) {
    for (std::size_t i = from; i < count_; ++i) {
        if (!done_[i]) task(i).status = VOLLEY_AGAIN;
    }
    first_ = count_;
}

// ---- the table

std::int32_t create(const volley_host* host, const volley_options* options, const volley_jobs* jobs,
                    volley_handler** out, volley_error* error) {
    *out = nullptr;
    return detail::guard(error, [&] {
        *out = reinterpret_cast<volley_handler*>(new ProcessHandler(Context(host, *options), jobs));
    });
}
std::int32_t open(volley_handler* handler, volley_error* error) {
    return detail::guard(error, [&] { detail::self<ProcessHandler>(handler).open(); });
}
std::int32_t handle(volley_handler* handler, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                    volley_error* error) {
    return detail::guard(error, [&] { detail::self<ProcessHandler>(handler).handle(tasks, count, stride); });
}
std::int32_t close(volley_handler* handler, std::uint32_t timeout_ms, volley_error* error) {
    return detail::guard(error, [&] { detail::self<ProcessHandler>(handler).close(timeout_ms); });
}
void destroy(volley_handler* handler) { delete &detail::self<ProcessHandler>(handler); }

}  // namespace

const volley_handler_class* process_handler_class() {
    static const volley_handler_class table = [] {
        volley_handler_class t{};
        t.struct_size = sizeof t;
        t.create = &create;
        t.open = &open;
        t.handle = &handle;
        t.close = &close;
        t.destroy = &destroy;
        return t;
    }();
    return &table;
}

std::string process_config(const ProcessOptions& options) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.StartObject();
    writer.Key("exec");
    writer.StartArray();
    for (const std::string& word : options.exec)
        writer.String(word.data(), static_cast<rapidjson::SizeType>(word.size()));
    writer.EndArray();
    writer.Key("handler_timeout_ms");
    writer.Uint64(options.handler_timeout_ms);
    writer.Key("max_message_bytes");
    writer.Uint64(options.max_message_bytes);
    writer.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace volley::handlers
