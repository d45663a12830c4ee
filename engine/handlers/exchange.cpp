#include "handlers/exchange.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "volley/view.hpp"

namespace volley::handlers {

namespace {

constexpr std::uint64_t ignored_lines_logged = 10;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

Exchange::Exchange(const volley_jobs& jobs, std::string component, std::size_t longest_answer,
                   std::uint32_t concurrency, std::string queue, bool has_batches)
    : jobs_(jobs),
      component_(std::move(component)),
      longest_answer_(longest_answer),
      concurrency_(concurrency),
      queue_(std::move(queue)),
      has_batches_(has_batches) {}

void Exchange::add(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
    if (has_batches_) ++batches_;
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_task& task = element(tasks, stride, i);
        task.status = VOLLEY_PENDING;
        Request request;
        request.batch = batches_;
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
        request.line = 0;
    }
    for (auto& [number, group] : groups_) {
        group.is_lone = false;
        group.skipped = 0;
    }
    unsent_from_ = 0;
    in_child_ = 0;
    has_spoken_ = has_answered_ = is_closed_ = keeps_groups_ = takes_cancels_ = takes_batches_ = false;
    takes_source_ = true;  // messages are sent before it has declared anything
    sent_ = ignored_ = 0;
    last_ignored_.clear();
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
    takes_batches_ = has_batches_ && answer_.takes_batches;
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
    last_ignored_.assign(line.substr(0, 200));
    if (++ignored_ <= ignored_lines_logged) {
        log::warning("a line on the handler's standard output is ignored",
                     {{"component", component_}, {"cause", why}, {"line", line.substr(0, 200)}});
    } else if (ignored_ == ignored_lines_logged + 1) {
        log::warning("further ignored lines are not logged until the process is replaced",
                     {{"component", component_}});
    }
}

std::string Exchange::probable_cause() const {
    if (!last_ignored_.empty())
        return "the last line that it wrote to its standard output is no answer to it: " + last_ignored_;
    if (!has_spoken_)
        return "it has written nothing to its standard output: does it flush its output after each line?";
    return {};
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

// A batch counts once: all its messages are at work.
void Exchange::note_at_work(Clock::time_point now) {
    ++looks_;
    lines_at_work_.clear();
    std::uint32_t at_work = 0;
    for (Request& request : requests_) {
        if (!request.is_sent || request.is_done || request.is_skipped) continue;
        if (request.line == 0 && at_work >= concurrency_) return;
        if (!is_counted(request, at_work)) continue;
        if (request.at_work_since == Clock::time_point{}) request.at_work_since = now;
    }
}

bool Exchange::is_counted(const Request& request, std::uint32_t& at_work) {
    if (request.line != 0) {
        const auto& lines = lines_at_work_;
        if (std::find(lines.begin(), lines.end(), request.line) != lines.end()) return true;
        if (at_work >= concurrency_) return false;
        lines_at_work_.push_back(request.line);
    } else if (request.group != 0) {
        Group& group = groups_[request.group];
        if (group.looked_at == looks_) return false;
        group.looked_at = looks_;
    }
    ++at_work;
    return true;
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
            if (!request.is_alone) not_started(request);
        } else if (request.at_work_since + limit <= now) {
            if (is_in_company(i) && !request.has_outputs) {
                recall(request);
            } else {
                explain(request, why);
                finish(request, VOLLEY_E_RETRY, 0, VOLLEY_REASON_TIMEOUT);
            }
        }
    }
    drop_finished();
}

// Whether another message of the same batch is not answered either.
bool Exchange::is_in_company(std::size_t place) const {
    const std::uint64_t line = requests_[place].line;
    if (line == 0) return false;
    for (std::size_t i = 0; i < requests_.size(); ++i)
        if (i != place && requests_[i].line == line && !requests_[i].is_done) return true;
    return false;
}

// Nobody knows which message of a batch took so long: each runs alone in the next child. An answer to it no
// longer counts.
void Exchange::recall(Request& request) {
    request.is_sent = false;
    request.is_alone = true;
    request.at_work_since = {};
    --in_child_;
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
    give_back_but_alone();
}

void Exchange::isolate(std::uint64_t bytes_read) {
    const std::vector<std::size_t> suspects = find_suspects(bytes_read);
    if (suspects.size() < 2) return;
    for (const std::size_t i : suspects) requests_[i].is_alone = !requests_[i].has_outputs;
    give_back_but_alone();
}

void Exchange::give_back_but_alone() {
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
