// Between the core and the workers: what is to be done goes out, what became of it comes back.
#include <algorithm>

#include "delivery/assert.hpp"
#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/intake.hpp"

namespace volley::runtime {

using delivery::SendFailure;
using delivery::Verdict;

namespace {

constexpr std::uint32_t largest_batch = 512;
constexpr std::uint64_t batch_ns = 5'000'000;      // a batch is about this long, so that workers share evenly
constexpr std::uint32_t failures_per_period = 20;  // logged; the rest is counted
constexpr delivery::Millis failure_period{10'000};

SendFailure kind_of(std::int32_t status) {
    switch (status) {
        case VOLLEY_E_PERMANENT:
        case VOLLEY_E_TOO_LARGE:
        case VOLLEY_E_UNSUPPORTED:
            return SendFailure::permanent;
        case VOLLEY_E_UNKNOWN:
            return SendFailure::unknown;
        default:
            return SendFailure::transient;
    }
}

}  // namespace

std::uint32_t Intake::batch_limit() const {
    const auto each =
        std::max<std::uint64_t>(pipeline_.nanoseconds_per_message.load(std::memory_order_relaxed), 1);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(batch_ns / each, 1, largest_batch));
}

// One is at work and one waits, so that there is no gap between them; of short ones another comes back.
std::uint32_t Intake::batches_ahead() const { return batch_limit() == largest_batch ? 3 : 2; }

// The least busy worker first. Another one is asked only if it is no busier: it may have the next messages of
// its chains, which nobody else may take; but while a worker is idle, the chains had better come to rest, so
// that they are shared.
void Intake::dispatch() {
    const std::uint32_t ahead = batches_ahead();
    for (bool gave = true; gave && core_.has_work();) {
        gave = false;
        const std::uint32_t least = *std::min_element(outstanding_.begin(), outstanding_.end());
        if (least >= ahead) return;
        for (std::uint32_t worker = 0; worker < workers_.size() && !gave; ++worker)
            gave = outstanding_[worker] == least && give(worker);
    }
}

// Returns false if the core has nothing for this worker.
bool Intake::give(std::uint32_t worker) {
    const auto workers = static_cast<std::uint32_t>(workers_.size());
    const auto open = static_cast<std::uint32_t>(core_.counters().in_flight);
    const std::uint32_t waiting = open > in_workers_ ? open - in_workers_ : 1;
    const std::uint32_t share = (waiting + workers - 1) / workers;
    batch_.resize(std::min(batch_limit(), std::max(share, 1U)));
    const std::uint32_t taken = core_.take(batch_.data(), static_cast<std::uint32_t>(batch_.size()), worker);
    batch_.resize(taken);
    if (taken == 0) return false;
    in_workers_ += taken;
    ++outstanding_[worker];
    workers_[worker]->give(batch_);
    return true;
}

void Intake::hear() {
    pipeline_.completions.drain(drained_);
    if (!drained_.completions.empty()) last_progress_ = now_;
    for (const Completion& c : drained_.completions) {
        switch (c.kind) {
            case Completion::Kind::handled:
                hear_handled(c);
                break;
            case Completion::Kind::reported:
                if (c.status != VOLLEY_OK)
                    hear_refusal(c, drained_.text_of(c));
                else if (!core_.confirmed(c.slot, c.origin.life, c.count, now_))
                    mistrust(c);
                break;
            case Completion::Kind::dead_letter:
                hear_dead_letter(c, drained_.text_of(c));
                break;
            case Completion::Kind::worker_idle:
                if (c.count == 0) {
                    ++workers_ready_;
                } else {
                    --outstanding_[c.slot];
                    in_workers_ -= c.count;
                }
                break;
            case Completion::Kind::worker_failed:
                fail(workers_[c.slot]->failure());
                break;
            case Completion::Kind::producer_failed:
                fail(Error(static_cast<ErrorCode>(c.status), std::string(drained_.text_of(c))));
                break;
        }
    }
}

void Intake::hear_handled(const Completion& c) {
    if (core_.has_false_reports(c.slot, c.count)) {
        mistrust(c);
        return core_.disown(c.slot);
    }
    const bool failed = c.verdict == Verdict::retry || c.verdict == Verdict::fail;
    core_.handled(c.slot, c.verdict, c.count, failed ? 0 : c.detail, delivery::Millis(c.retry_after_ms),
                  failed ? c.detail : 0, now_);
    if (failed) log_failure(c.slot);
}

// A connector that reports what it was not given, or twice: what it says is worth nothing, and to believe it
// could lose a message.
void Intake::mistrust(const Completion& c) {
    const bool is_report = c.kind == Completion::Kind::reported;
    const std::string& queue = c.kind == Completion::Kind::dead_letter
                                   ? pipeline_.dead_letters->queue
                                   : pipeline_.ports[is_report ? c.origin.port : 0]->queue;
    fail(Error(
        ErrorCode::fatal,
        "output to \"" + queue + "\": its connector reported a record twice, or one that it was not given"));
}

bool Intake::is_awaited(const Completion& c) const {
    return core_.is_awaited(c.slot, c.origin.life, c.kind == Completion::Kind::dead_letter);
}

void Intake::hear_refusal(const Completion& c, std::string_view text) {
    if (!is_awaited(c)) return mistrust(c);
    Work& work = pipeline_.works[c.slot];
    if (c.count >= work.outputs.size() || work.outputs[c.count].port != c.origin.port) return mistrust(c);
    stop_if_hopeless(c, pipeline_.ports[work.outputs[c.count].port]->queue, text);
    const SendFailure kind = kind_of(c.status);
    const std::uint32_t reason = c.status == VOLLEY_E_TOO_LARGE ? std::uint32_t{VOLLEY_REASON_TOO_LARGE}
                                                                : std::uint32_t{VOLLEY_REASON_OUTPUT};
    const std::string& queue = pipeline_.ports[work.outputs[c.count].port]->queue;
    work.explain(reason, "output to \"" + queue + "\": " + std::string(text));
    if (!core_.send_failed(c.slot, c.count, kind, reason, now_)) return mistrust(c);
    work.outputs[c.count].failed = kind != SendFailure::permanent;
    log_failure(c.slot);
    discard_if_given_up(c.slot);
}

// Outputs of a message that will not be sent, and a dead letter that was not taken and is written anew, would
// only take memory.
void Intake::discard_if_given_up(delivery::Slot slot) {
    switch (core_.entry(slot).state) {
        case delivery::State::backing_off:
        case delivery::State::dead_letter_wait:
        case delivery::State::dead_letter_queued:
        case delivery::State::settling:
            pipeline_.works[slot].discard_outputs();
            break;
        default:
            break;
    }
}

void Intake::hear_dead_letter(const Completion& c, std::string_view text) {
    if (!is_awaited(c)) return mistrust(c);
    if (c.status == VOLLEY_OK) {
        core_.dead_letter_confirmed(c.slot);
        return;
    }
    stop_if_hopeless(c, pipeline_.dead_letters->queue, text);
    Work& work = pipeline_.works[c.slot];
    SendFailure kind = kind_of(c.status);
    if (c.status == VOLLEY_E_TOO_LARGE && !work.truncate) {
        work.truncate = true;  // once more, shorter, with its size in a header
        kind = SendFailure::transient;
    }
    if (kind == SendFailure::permanent) {
        log::error(
            "the dead-letter queue refuses a message for good: the component stops, the message stays "
            "unacked",
            {{"component", pipeline_.config.name},
             {"queue", pipeline_.dead_letters->queue},
             {"cause", text}});
    }
    core_.dead_letter_failed(c.slot, kind, now_);
    log_failure(c.slot);
    discard_if_given_up(c.slot);
}

// A queue that takes nothing any more until a person acts: the component stops, and acks nothing of it.
void Intake::stop_if_hopeless(const Completion& c, const std::string& queue, std::string_view text) {
    if (failure()) return;
    const auto code = static_cast<ErrorCode>(c.status);
    if (code == ErrorCode::unauthorized || code == ErrorCode::config || code == ErrorCode::fenced)
        fail(Error(code, "output to \"" + queue + "\": " + std::string(text)));
}

// One line for what was decided, at most some a period: when everything fails, the log must stay readable.
void Intake::log_failure(delivery::Slot slot) {
    if (now_ - failure_log_since_ >= failure_period) {
        if (failures_not_logged_ > 0) {
            log::warning(
                "more failures like the last ones",
                {{"component", pipeline_.config.name}, {"count", std::to_string(failures_not_logged_)}});
        }
        failure_log_since_ = now_;
        failures_logged_ = 0;
        failures_not_logged_ = 0;
    }
    if (++failures_logged_ > failures_per_period) {
        ++failures_not_logged_;
        return;
    }
    const delivery::Entry& entry = core_.entry(slot);
    const Work& work = pipeline_.works[slot];
    const char* decision = "tried again";
    auto level = log::Level::info;
    switch (entry.state) {
        case delivery::State::dead_letter_queued:
            decision = "goes to the dead-letter queue";
            level = log::Level::warning;
            break;
        case delivery::State::settling:
            level = log::Level::warning;
            decision = entry.outcome == delivery::Outcome::nack  ? "given back to the store"
                       : entry.outcome == delivery::Outcome::ack ? "dropped, as on_fail says"
                                                                 : "left to the store";
            break;
        case delivery::State::dead_letter_wait:
            decision = "the dead-letter queue does not take it now; tried again";
            level = log::Level::warning;
            break;
        default:
            break;
    }
    const std::string id =
        is_absent(work.message.id) ? std::to_string(entry.offset) : std::string(text_of(work.message.id));
    log::write(level, decision,
               {{"component", pipeline_.config.name},
                {"queue", pipeline_.input.name},
                {"message", id},
                {"attempt", std::to_string(entry.attempt)},
                {"reason", reason_names[work.reason < reason_count ? work.reason : 0]},
                {"cause", work.last_error}});
}

}  // namespace volley::runtime
