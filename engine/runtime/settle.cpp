// Settle: finished messages are acked, nacked or left, and on a log the offset behind them is committed.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/intake.hpp"

namespace volley::runtime {

namespace {

// Between two commits. What was finished since the last runs again after a crash; each costs the broker a
// write.
constexpr delivery::Millis commit_period{100};

// A pause throws away what the client has prefetched (librdkafka #2703), so a window that is full for a
// moment only is waited for. The group allows minutes between two polls; this is nothing to it.
constexpr delivery::Millis pause_after{500};

constexpr delivery::Millis least_to_commit{100};

std::int32_t outcome_of(delivery::Outcome outcome) {
    switch (outcome) {
        case delivery::Outcome::ack:
            return VOLLEY_ACK;
        case delivery::Outcome::nack:
            return VOLLEY_NACK;
        case delivery::Outcome::leave:
            break;
    }
    return VOLLEY_LEAVE;
}

}  // namespace

void Intake::settle() {
    if (input_ != Standing::open) return;
    settlements_.clear();
    core_.take_settlements(settlements_);
    if (settlements_.empty()) return;
    to_settle_.clear();
    bool any_large = false;
    for (const delivery::Settlement& s : settlements_) {
        volley_settlement& to = to_settle_.emplace_back();
        to.handle = s.handle;
        to.outcome = outcome_of(s.outcome);
        to.delay_ms = static_cast<std::uint64_t>(s.delay.count());
        to.reason = s.reason;
        to.attempts = s.attempts;
        if (s.outcome == delivery::Outcome::nack) to.text = view_of(pipeline_.works[s.slot].last_error);
        any_large = any_large || s.large;
        to.result = VOLLEY_E_RETRY;  // what the connector does not set, it did not do
    }
    const auto result = consumer_.settle(to_settle_.data(), static_cast<std::uint32_t>(to_settle_.size()));
    if (any_large) {
        for (const delivery::Settlement& s : settlements_) {
            if (s.large) pipeline_.works[s.slot].release();
        }
    }
    if (!result) {
        for (const delivery::Settlement& s : settlements_) core_.settle_again(s.slot, now_);
        if (!is_passing(result.error().code)) return input_failed(result.error());
        input_up_.store(false, std::memory_order_relaxed);
        if (settle_failures_.is_news(result.error().text, now_)) {
            log::warning("finished messages could not be settled; retrying",
                         {{"component", pipeline_.config.name},
                          {"queue", pipeline_.input.name},
                          {"cause", result.error().text}});
        }
        return;
    }
    settle_failures_.succeeded();
    bool any_done = false;
    for (std::size_t i = 0; i < settlements_.size(); ++i) {
        const delivery::Settlement& s = settlements_[i];
        if (to_settle_[i].result != VOLLEY_OK) {
            not_settled(s, to_settle_[i].result);
            continue;
        }
        core_.settled(s.slot, false);
        any_done = any_done || s.outcome == delivery::Outcome::ack;
    }
    if (any_done)
        pipeline_.last_success_seconds.store(static_cast<double>(unix_ms()) / 1000.0,
                                             std::memory_order_relaxed);
}

// What the store may or may not have done counts as lost, because it may come again; any other refusal is the
// connector's fault, and would be repeated with every message.
void Intake::not_settled(const delivery::Settlement& settlement, std::int32_t result) {
    if (result == VOLLEY_E_RETRY) return core_.settle_again(settlement.slot, now_);
    core_.settled(settlement.slot, true);
    if (!is_passing(code_of(result))) {
        input_failed(Error(code_of(result), consumer_.plugin_class().label() +
                                                ": a message could not be settled: status " +
                                                std::to_string(result)));
    }
}

// Closes a delivery that the core does not know: of a partition that is not ours, or an offset handed out
// again.
void Intake::leave(std::uint64_t handle) {
    if (input_ != Standing::open) return;
    volley_settlement s{};
    s.handle = handle;
    s.outcome = VOLLEY_LEAVE;
    if (auto result = consumer_.settle(&s, 1); !result) {
        log::debug(result.error().text,
                   {{"component", pipeline_.config.name}, {"doing", "leaving a message"}});
    }
}

bool Intake::commit(bool wait, delivery::Millis timeout) {
    if (log_ == nullptr || input_ != Standing::open || (!wait && now_ < next_commit_)) return true;
    commits_.clear();
    core_.take_commits(commits_);
    // What was handed over before may not be carried out yet: waiting waits for that too.
    if (commits_.empty() && !wait) return true;
    next_commit_ = now_ + commit_period;
    std::vector<volley_partition> partitions;
    for (const delivery::Commit& c : commits_) {
        const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const AssignedLane& candidate) {
            return candidate.lane == c.lane;
        });
        if (lane != lanes_.end()) partitions.push_back(partition_of(*lane, c.offset));
    }
    volley_error error{};
    error.struct_size = sizeof error;
    const std::int32_t status = log_->commit(
        consumer_.get(), partitions.data(), static_cast<std::uint32_t>(partitions.size()),
        sizeof(volley_partition), wait ? 1 : 0, static_cast<std::uint32_t>(timeout.count()), &error);
    if (wait) now_ = now();
    if (status == VOLLEY_OK || status == VOLLEY_E_LOST) {
        commit_failures_.succeeded();
        return true;
    }
    for (const delivery::Commit& c : commits_) core_.commit_again(c.lane);
    const Error failed(code_of(status), consumer_.plugin_class().label() + ": offsets cannot be committed: " +
                                            (error.text[0] != '\0' ? error.text : "no reason was given"));
    if (!is_passing(failed.code)) {
        input_failed(failed);
    } else if (commit_failures_.is_news(failed.text, now_)) {
        log::warning(
            "offsets could not be committed; retrying",
            {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}, {"cause", failed.text}});
    }
    return false;
}

// What is not committed at the end is done again, so a stop without it is not clean.
void Intake::commit_last(delivery::Instant deadline) {
    for (std::uint32_t tries = 1;; ++tries) {
        const delivery::Millis left = std::max(deadline - now(), least_to_commit);
        if (commit(true, left) || failure()) return;
        if (now() >= deadline) break;
        pipeline_.completions.wait_for(
            std::min(backoff(tries), std::max(deadline - now(), delivery::Millis(1))));
    }
    log::error("the last commit failed: what was done since the one before is done again after a restart",
               {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}});
    out_of_time_.store(true, std::memory_order_release);
}

// Holds a log's input back while the window is full, and lets it go on when it is half empty.
void Intake::keep_flow() {
    const bool hold = !core_.wants_messages();
    if (!hold) held_since_.reset();
    if (partitions_ == nullptr || hold == paused_ || lanes_.empty()) return;
    if (hold && !held_since_) held_since_ = now_;
    if (hold && now_ - *held_since_ < pause_after) return;
    std::vector<volley_partition> all;
    for (const AssignedLane& lane : lanes_) all.push_back(partition_of(lane, -1));
    volley_error error{};
    error.struct_size = sizeof error;
    const auto change = hold ? partitions_->pause : partitions_->resume;
    if (change != nullptr && change(consumer_.get(), all.data(), static_cast<std::uint32_t>(all.size()),
                                    sizeof(volley_partition), &error) < 0) {
        log::debug(error.text,
                   {{"component", pipeline_.config.name}, {"doing", hold ? "pausing" : "resuming"}});
        return;
    }
    paused_ = hold;
}

}  // namespace volley::runtime
