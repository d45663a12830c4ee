#include "handlers/exchange.hpp"

#include <algorithm>

#include "handlers/request.hpp"
#include "log/log.hpp"
#include "volley/view.hpp"

namespace volley::handlers {

namespace {

constexpr std::size_t outbox_low = 8 * 1024;  // written before more is appended, so the child starts early
constexpr std::uint64_t ids_a_call = 1'000'000;
constexpr std::uint64_t ignored_lines_logged = 10;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool holds(const std::vector<std::uint32_t>& groups, std::uint32_t group) {
    return std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool has_failed(const volley_task& task) { return task.status != VOLLEY_OK && task.status != VOLLEY_DROP; }

}  // namespace

Exchange::Exchange(const volley_jobs& jobs, std::string component, std::size_t longest_answer)
    : jobs_(jobs), component_(std::move(component)), longest_answer_(longest_answer) {}

volley_task& Exchange::task(std::size_t i) const { return element(tasks_, stride_, i); }

void Exchange::begin(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
    tasks_ = tasks;
    stride_ = stride;
    count_ = count;
    sent_ = first_ = 0;
    done_.assign(count, false);
    told_.assign(count, false);
    begins_at_.assign(count, 0);
    skipped_.clear();
    lone_groups_.clear();
    failed_groups_.clear();
    base_id_ += ids_a_call;
    ++call_;
}

void Exchange::begin_child() {
    sent_ = first_;
    told_.assign(count_, false);
    has_spoken_ = has_answered_ = keeps_groups_ = takes_cancels_ = false;
    ignored_ = 0;
    lone_groups_.clear();
}

bool Exchange::is_cancelled() const { return jobs_.cancelled(jobs_.context, task(first_).job) != 0; }

// ---- to the child

// The child may declare its capabilities after its first messages. Of an ordering group whose messages it got
// without a group, nothing more is sent before they are answered.
void Exchange::send_more(Outbox& outbox) {
    for (; sent_ < count_ && outbox.pending().size() < outbox_low; ++sent_) {
        if (done_[sent_]) continue;
        const volley_task& next = task(sent_);
        if (jobs_.cancelled(jobs_.context, next.job) != 0) return;
        if (next.group != 0) {
            if (holds(failed_groups_, next.group)) {
                settle(sent_, VOLLEY_AGAIN);
                continue;
            }
            if (holds(lone_groups_, next.group)) return;
            if (!keeps_groups_) lone_groups_.push_back(next.group);
        }
        begins_at_[sent_] = outbox.position();
        append_request(outbox.bytes, {base_id_ + sent_, next.attempt, keeps_groups_ ? next.group : 0, call_},
                       *next.message);
    }
}

// The child still answers cancelled messages.
void Exchange::send_cancelled(Outbox& outbox) {
    if (!takes_cancels_) return;
    for (std::size_t i = first_; i < sent_; ++i) {
        if (done_[i] || told_[i] || jobs_.cancelled(jobs_.context, task(i).job) == 0) continue;
        append_cancelled(outbox.bytes, base_id_ + i);
        told_[i] = true;
    }
}

// ---- from the child

std::optional<std::string> Exchange::take(const Line& line) {
    std::string_view text = line.text;
    if (text.substr(0, byte_order_mark.size()) == byte_order_mark) text.remove_prefix(byte_order_mark.size());
    if (text.find_first_not_of(" \t\r") == std::string_view::npos && !line.is_cut) return std::nullopt;
    if (line.is_cut) {
        const std::string why = "the handler's answer is longer than " + std::to_string(longest_answer_) +
                                " bytes (16 times max_message_bytes)";
        if (!index_of(named_id(text))) return why;
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
    } else if (const auto i = index_of(answer_.id)) {
        take_answer(*i);
    } else {
        ignore(text, "it is not an answer to a message that the child has");
    }
    answer_.clear();
    return std::nullopt;
}

void Exchange::take_hello() {
    has_spoken_ = true;
    keeps_groups_ = answer_.keeps_groups;
    takes_cancels_ = answer_.takes_cancels;
}

// An invalid answer fails its message for good, because another attempt would get the same answer.
void Exchange::take_wrong(std::string_view line, std::uint32_t reason, const std::string& why) {
    const auto i = index_of(named_id(line));
    if (!i) return ignore(line, why);
    explain(*i, why);
    task(*i).reason = reason;
    settle(*i, VOLLEY_E_PERMANENT);
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

std::optional<std::size_t> Exchange::index_of(std::optional<std::uint64_t> id) const {
    if (!id || *id < base_id_ || *id - base_id_ >= sent_ || done_[*id - base_id_]) return std::nullopt;
    return *id - base_id_;
}

void Exchange::take_answer(std::size_t i) {
    if (!answer_.why.empty()) explain(i, answer_.why);
    switch (answer_.kind) {
        case Answer::Kind::retry:
            task(i).retry_after_ms = answer_.after_ms;
            return settle(i, VOLLEY_E_RETRY);
        case Answer::Kind::fail:
            return settle(i, VOLLEY_E_PERMANENT);
        case Answer::Kind::drop:
            return settle(i, VOLLEY_DROP);
        case Answer::Kind::skipped:
            skipped_.push_back(i);
            return settle(i, VOLLEY_AGAIN);
        case Answer::Kind::hello:
            return;
        case Answer::Kind::done:
            for (const AnswerOutput& output : answer_.outputs) emit(i, output);
            return settle(i, VOLLEY_OK);
    }
}

// A refused output fails the message; the engine records why.
void Exchange::emit(std::size_t i, const AnswerOutput& output) {
    volley_record record{};
    if (output.body) record.body = view_of(*output.body);
    if (output.key) record.key = view_of(*output.key);
    record.headers = answer_.headers.data() + output.first_header;
    record.header_count = output.header_count;
    record.partition = output.partition;
    record.delay_ms = output.delay_ms;
    const volley_view queue = output.queue ? view_of(*output.queue) : volley_view{};
    jobs_.emit(jobs_.context, task(i).job, queue, &record, sizeof record, nullptr);
}

void Exchange::explain(std::size_t i, std::string_view why) {
    jobs_.explain(jobs_.context, task(i).job, view_of(why));
}

void Exchange::settle(std::size_t i, std::int32_t status) {
    volley_task& settled = task(i);
    settled.status = status;
    done_[i] = true;
    if (i < sent_) has_spoken_ = has_answered_ = true;
    if (settled.group != 0) {
        lone_groups_.erase(std::remove(lone_groups_.begin(), lone_groups_.end(), settled.group),
                           lone_groups_.end());
        if (has_failed(settled) && !holds(failed_groups_, settled.group))
            failed_groups_.push_back(settled.group);
    }
    while (first_ < count_ && done_[first_]) ++first_;
    if (is_over()) judge_skipped();
}

// A message may be skipped only if an earlier one of its group has failed. Otherwise it would come back
// without end.
void Exchange::judge_skipped() {
    for (const std::size_t i : skipped_) {
        volley_task& skipped = task(i);
        bool is_behind_a_failure = false;
        for (std::size_t before = 0; before < i && skipped.group != 0; ++before)
            is_behind_a_failure =
                is_behind_a_failure || (task(before).group == skipped.group && has_failed(task(before)));
        if (is_behind_a_failure) continue;
        explain(i, "the handler skipped it, and nothing before it in its ordering group has failed");
        skipped.status = VOLLEY_E_RETRY;
    }
    skipped_.clear();
}

// ---- the child's end

bool Exchange::oldest_was_read(std::uint64_t bytes_read) const {
    return is_waiting() && begins_at_[first_] < bytes_read;
}

void Exchange::blame(std::uint32_t reason, const std::string& why) {
    volley_task& guilty = task(first_);
    guilty.status = VOLLEY_E_RETRY;
    guilty.reason = reason;
    explain(first_, why);
    done_[first_] = true;
    give_back();
}

void Exchange::give_back() {
    for (std::size_t i = first_; i < count_; ++i) {
        if (!done_[i]) task(i).status = VOLLEY_AGAIN;
        done_[i] = true;
    }
    first_ = count_;
    judge_skipped();
}

}  // namespace volley::handlers
