#include "handlers/exchange.hpp"

#include <algorithm>

#include "handlers/request.hpp"
#include "log/log.hpp"
#include "volley/view.hpp"

namespace volley::handlers {

namespace {

constexpr std::size_t outbox_low = 8 * 1024;  // written before more is appended, so the child starts early
constexpr std::uint64_t ignored_lines_logged = 10;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
// A child remembers the groups that failed in a call. After so many the next call begins.
constexpr std::uint64_t most_failed_in_call = 10'000;

}  // namespace

Exchange::Exchange(const volley_jobs& jobs, std::string component, std::size_t longest_answer,
                   std::uint32_t concurrency, std::string queue)
    : jobs_(jobs),
      component_(std::move(component)),
      longest_answer_(longest_answer),
      concurrency_(concurrency),
      queue_(std::move(queue)) {}

void Exchange::add(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_task& task = element(tasks, stride, i);
        task.status = VOLLEY_PENDING;
        Request request;
        request.job = task.job;
        request.message = task.message;
        request.attempt = task.attempt;
        request.group = task.group;
        requests_.push_back(request);
        if (task.group == 0) continue;
        Group& group = groups_[task.group];
        if (group.open++ == 0) group.chain = ++chains_;
    }
}

void Exchange::begin_child() {
    for (Request& request : requests_) {
        request.is_sent = request.is_told = request.is_skipped = request.has_outputs = false;
        request.at_work_since = {};
    }
    for (auto& [number, group] : groups_) {
        group.is_lone = false;
        group.skipped = 0;
    }
    unsent_from_ = 0;
    in_child_ = 0;
    has_spoken_ = has_answered_ = is_closed_ = keeps_groups_ = takes_cancels_ = false;
    takes_source_ = true;  // messages are sent before it has declared anything
    ignored_ = 0;
}

// ---- to the child

// To a child a failure counts within its call, so the number of groups that failed in one is bounded.
void Exchange::maybe_begin_call() {
    if (failed_in_call_ == 0 || in_child_ > 0) return;
    failed_in_call_ = 0;
    ++call_;
}

void Exchange::send_more(Outbox& outbox) {
    if (is_closed_) return;
    // One that runs alone is the oldest. Until it has ended, nothing else is sent.
    if (!requests_.empty() && requests_.front().is_alone && requests_.front().is_sent) return;
    maybe_begin_call();
    if (failed_in_call_ >= most_failed_in_call) return;
    for (std::size_t i = unsent_from_; i < requests_.size() && outbox.pending().size() < outbox_low; ++i) {
        Request& request = requests_[i];
        if (request.is_done || request.is_sent) {
            if (i == unsent_from_) ++unsent_from_;
            continue;
        }
        if (jobs_.cancelled(jobs_.context, request.job) != 0) {
            not_started(request);
            continue;
        }
        // Behind one that runs alone nothing is sent.
        if (request.is_alone && in_child_ > 0) break;
        if (send(request, first_id_ + i, outbox)) {
            if (i == unsent_from_) ++unsent_from_;
            if (request.is_alone) break;
        }
    }
    drop_finished();
}

// Returns false if it must wait. The child may declare its abilities after its first messages: of a group
// whose messages it got without their chain, nothing more is sent before they are answered.
bool Exchange::send(Request& request, std::uint64_t id, Outbox& outbox) {
    std::uint64_t chain = 0;
    if (request.group != 0) {
        Group& group = groups_[request.group];
        // One that runs alone is the first of its group: those behind it were given back.
        if (group.has_failed && !request.is_alone) {
            not_started(request);
            return true;
        }
        if (group.is_lone) return false;
        if (!keeps_groups_) group.is_lone = true;
        if (keeps_groups_) chain = group.chain;
    }
    request.begins_at = outbox.position();
    request.is_sent = true;
    ++in_child_;
    append_request(
        outbox.bytes,
        {id, request.attempt, chain, call_, takes_source_ ? std::string_view(queue_) : std::string_view()},
        *request.message);
    return true;
}

// The child still answers cancelled messages.
void Exchange::send_cancelled(Outbox& outbox) {
    if (!takes_cancels_) return;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        Request& request = requests_[i];
        if (!request.is_sent || request.is_done || request.is_told) continue;
        if (jobs_.cancelled(jobs_.context, request.job) == 0) continue;
        append_cancelled(outbox.bytes, first_id_ + i);
        request.is_told = true;
    }
}

bool Exchange::is_given_up() const {
    constexpr std::int32_t not_even_waited_for = 2;
    return !requests_.empty() && !requests_.front().is_done &&
           jobs_.cancelled(jobs_.context, requests_.front().job) == not_even_waited_for;
}

// ---- from the child

std::optional<std::string> Exchange::take(const Line& line) {
    std::string_view text = line.text;
    if (text.substr(0, byte_order_mark.size()) == byte_order_mark) text.remove_prefix(byte_order_mark.size());
    if (text.find_first_not_of(" \t\r") == std::string_view::npos && !line.is_cut) return std::nullopt;
    if (line.is_cut) {
        const std::string why = "the handler's answer is longer than " + std::to_string(longest_answer_) +
                                " bytes (16 times max_message_bytes)";
        if (request_of(named_id(text)) == nullptr) return why;
        take_wrong(text, VOLLEY_REASON_TOO_LARGE, why);
        return std::nullopt;
    }
    if (const auto wrong = parse_answer(text, answer_)) {
        take_wrong(text, VOLLEY_REASON_OUTPUT, "the handler's answer is malformed: " + *wrong);
    } else if (answer_.kind == Answer::Kind::hello) {
        if (has_spoken_)
            ignore(text, "a child declares its capabilities in its first line only");
        else
            take_hello();
    } else if (Request* const request = request_of(answer_.id)) {
        take_answer(*request);
    } else {
        ignore(text, "it is not an answer to a message that the child has");
    }
    answer_.clear();
    drop_finished();
    return std::nullopt;
}

void Exchange::take_hello() {
    has_spoken_ = true;
    keeps_groups_ = answer_.keeps_groups;
    takes_cancels_ = answer_.takes_cancels;
    takes_source_ = answer_.takes_source;
}

// An invalid answer fails its message for good, because another attempt would get the same answer.
void Exchange::take_wrong(std::string_view line, std::uint32_t reason, const std::string& why) {
    Request* const request = request_of(named_id(line));
    if (request == nullptr) return ignore(line, why);
    has_spoken_ = has_answered_ = true;
    explain(*request, why);
    finish(*request, VOLLEY_E_PERMANENT, 0, reason);
    drop_finished();
}

// A line that a library prints must not fail a message. If it was meant as an answer, the message times out.
void Exchange::ignore(std::string_view line, std::string_view why) {
    if (++ignored_ <= ignored_lines_logged) {
        log::warning("a line on the handler's standard output is ignored",
                     {{"component", component_}, {"cause", why}, {"line", line.substr(0, 200)}});
    } else if (ignored_ == ignored_lines_logged + 1) {
        log::warning("further ignored lines are not logged until the process is replaced",
                     {{"component", component_}});
    }
}

Exchange::Request* Exchange::request_of(std::optional<std::uint64_t> id) {
    if (!id || *id < first_id_ || *id - first_id_ >= requests_.size()) return nullptr;
    Request& request = requests_[*id - first_id_];
    return request.is_sent && !request.is_done && !request.is_skipped ? &request : nullptr;
}

void Exchange::take_answer(Request& request) {
    if (!has_spoken_) takes_source_ = false;
    has_spoken_ = has_answered_ = true;
    if (!answer_.why.empty()) explain(request, answer_.why);
    switch (answer_.kind) {
        case Answer::Kind::retry:
            return finish(request, VOLLEY_E_RETRY, answer_.after_ms);
        case Answer::Kind::fail:
            return finish(request, VOLLEY_E_PERMANENT);
        case Answer::Kind::drop:
            return finish(request, VOLLEY_DROP);
        case Answer::Kind::skipped:
            request.is_skipped = true;
            --in_child_;
            if (request.group != 0) ++groups_[request.group].skipped;
            return judge_skipped(request.group);
        case Answer::Kind::hello:
            return;
        case Answer::Kind::done:
            for (const AnswerOutput& output : answer_.outputs) emit(request, output);
            request.has_outputs = request.has_outputs || !answer_.outputs.empty();
            if (answer_.has_more) return;
            return finish(request, VOLLEY_OK);
    }
}

// A refused output fails the message; the engine records why.
void Exchange::emit(const Request& request, const AnswerOutput& output) {
    volley_record record{};
    if (output.body) record.body = view_of(*output.body);
    if (output.key) record.key = view_of(*output.key);
    if (output.without_key) record.flags |= VOLLEY_RECORD_OWN_KEY;
    if (output.without_headers) record.flags |= VOLLEY_RECORD_OWN_HEADERS;
    record.headers = answer_.headers.data() + output.first_header;
    record.header_count = output.header_count;
    record.partition = output.partition;
    record.delay_ms = output.delay_ms;
    const volley_view queue = output.queue ? view_of(*output.queue) : volley_view{};
    jobs_.emit(jobs_.context, request.job, queue, &record, sizeof record, nullptr);
}

void Exchange::explain(const Request& request, std::string_view why) {
    jobs_.explain(jobs_.context, request.job, view_of(why));
}

void Exchange::finish(Request& request, std::int32_t status, std::uint64_t after_ms, std::uint32_t reason) {
    request.is_done = true;
    if (request.is_sent && !request.is_skipped) --in_child_;
    ++finished_;
    jobs_.finish_for(jobs_.context, request.job, status, after_ms, reason);
    if (request.group == 0) return;
    const std::uint32_t number = request.group;
    Group& group = groups_[number];
    group.is_lone = false;
    if (request.is_skipped) --group.skipped;
    const bool has_failed = status != VOLLEY_OK && status != VOLLEY_DROP;
    if (has_failed && !group.has_failed) {
        group.has_failed = true;
        ++failed_in_call_;
    }
    if (--group.open == 0) {
        groups_.erase(number);
        return;
    }
    if (group.skipped > 0) judge_skipped(number);
}

// A message may be skipped only if an earlier one of its group has failed. Otherwise it would come back
// without end. The answers may come in another order.
void Exchange::judge_skipped(std::uint32_t group) {
    bool is_first = true;
    for (Request& request : requests_) {
        if (request.is_done || request.group != group) continue;
        if (group == 0 && !request.is_skipped) continue;
        if (request.is_skipped) {
            const bool is_behind_a_failure = group != 0 && groups_[group].has_failed;
            if (is_behind_a_failure) {
                not_started(request);
                return;  // that has judged the others
            }
            if (!is_first) return;
            explain(request,
                    "the handler skipped it, and nothing before it in its ordering group has failed");
            finish(request, VOLLEY_E_RETRY);
            return;
        }
        is_first = false;
    }
}

void Exchange::drop_finished() {
    while (!requests_.empty() && requests_.front().is_done) {
        requests_.pop_front();
        ++first_id_;
        if (unsent_from_ > 0) --unsent_from_;
    }
}

// ---- time

void Exchange::note_at_work(Clock::time_point now) {
    ++looks_;
    std::uint32_t at_work = 0;
    for (Request& request : requests_) {
        if (at_work >= concurrency_) return;
        if (!request.is_sent || request.is_done || request.is_skipped) continue;
        if (request.group != 0) {
            Group& group = groups_[request.group];
            if (group.looked_at == looks_) continue;
            group.looked_at = looks_;
        }
        ++at_work;
        if (request.at_work_since == Clock::time_point{}) request.at_work_since = now;
    }
}

Exchange::Clock::time_point Exchange::first_deadline(Clock::duration limit) const {
    auto first = Clock::time_point::max();
    for (const Request& request : requests_) {
        if (request.is_done || request.at_work_since == Clock::time_point{}) continue;
        first = std::min(first, request.at_work_since + limit);
    }
    return first;
}

bool Exchange::has_read_any(std::uint64_t bytes_read) const {
    return std::any_of(requests_.begin(), requests_.end(), [&](const Request& request) {
        return request.is_sent && !request.is_done && !request.is_skipped && request.begins_at < bytes_read;
    });
}

void Exchange::time_out(Clock::time_point now, Clock::duration limit, const std::string& why) {
    is_closed_ = true;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        Request& request = requests_[i];
        if (request.is_done) continue;
        if (request.at_work_since == Clock::time_point{}) {
            not_started(request);
        } else if (request.at_work_since + limit <= now) {
            explain(request, why);
            finish(request, VOLLEY_E_RETRY, 0, VOLLEY_REASON_TIMEOUT);
        }
    }
    drop_finished();
}

// ---- the child's end

// The messages at work that a child which has read so many bytes has begun to read.
std::vector<std::size_t> Exchange::find_suspects(std::uint64_t bytes_read) {
    std::vector<std::size_t> suspects;
    note_at_work(Clock::now());
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        const Request& request = requests_[i];
        if (!request.is_done && request.is_sent && request.at_work_since != Clock::time_point{} &&
            request.begins_at < bytes_read)
            suspects.push_back(i);
    }
    return suspects;
}

void Exchange::blame(std::uint64_t bytes_read, std::uint32_t reason, const std::string& why) {
    const std::vector<std::size_t> suspects = find_suspects(bytes_read);
    for (const std::size_t i : suspects) {
        Request& suspect = requests_[i];
        // The outputs of partial answers are dropped only with the attempt.
        if (suspects.size() == 1 || suspect.has_outputs) {
            explain(suspect, why);
            finish(suspect, VOLLEY_E_RETRY, 0, reason);
        } else {
            suspect.is_alone = true;
        }
    }
    give_back_others();
}

void Exchange::isolate(std::uint64_t bytes_read) {
    const std::vector<std::size_t> suspects = find_suspects(bytes_read);
    if (suspects.size() < 2) return;
    for (const std::size_t i : suspects) requests_[i].is_alone = !requests_[i].has_outputs;
    give_back_others();
}

void Exchange::give_back_others() {
    for (Request& request : requests_)
        if (!request.is_done && !request.is_alone) not_started(request);
    drop_finished();
}

void Exchange::give_back() {
    for (Request& request : requests_)
        if (!request.is_done) not_started(request);
    drop_finished();
}

}  // namespace volley::handlers
