#include "runtime/settler.hpp"

#include <string>

#include "log/log.hpp"
#include "plugins/call_error.hpp"
#include "runtime/call_status.hpp"
#include "runtime/message_span.hpp"
#include "runtime/schedule.hpp"
#include "volley/view.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis commit_period{100};

std::int32_t outcome_of(delivery::SettlementKind kind) {
    switch (kind) {
        case delivery::SettlementKind::ack:
            return VOLLEY_ACK;
        case delivery::SettlementKind::nack:
            return VOLLEY_NACK;
        case delivery::SettlementKind::release:
            break;
    }
    return VOLLEY_RELEASE;
}

}  // namespace

void Settler::prepare() {
    calls_.clear();
    any_large_ = false;
    for (const delivery::Settlement& s : settlements_) {
        volley_settlement& call = calls_.emplace_back();
        call.handle = s.handle;
        call.outcome = outcome_of(s.kind);
        call.delay_ms = static_cast<std::uint64_t>(s.delay.count());
        call.reason = s.reason;
        call.attempts = s.attempts;
        if (s.kind == delivery::SettlementKind::nack ||
            (s.kind == delivery::SettlementKind::ack && s.reason != VOLLEY_REASON_NONE))
            call.text = view_of(pipeline_.contexts[s.slot].last_error);
        call.result = VOLLEY_E_RETRY;  // a result that the connector does not set means: not done
        any_large_ = any_large_ || s.large;
    }
    for (const std::uint64_t handle : releases_) {
        volley_settlement& call = calls_.emplace_back();
        call.handle = handle;
        call.outcome = VOLLEY_RELEASE;
        call.result = VOLLEY_E_RETRY;
    }
}

Result<bool> Settler::settle(delivery::Instant now) {
    if (!input_.is_open()) return true;
    settlements_.clear();
    core_.take_settlements(settlements_);
    if (settlements_.empty() && releases_.empty()) return true;
    prepare();
    const auto result = input_.settle(calls_.data(), static_cast<std::uint32_t>(calls_.size()));
    if (any_large_) {
        for (const delivery::Settlement& s : settlements_) {
            if (s.large) pipeline_.contexts[s.slot].shrink();
        }
    }
    if (!result) {
        for (const delivery::Settlement& s : settlements_) core_.settle_again(s.slot, now);
        if (!is_passing(result.error().code)) return result.error();
        cause_ = result.error().text;
        if (outage_.is_news(result.error().text, now)) {
            log::warning("finished messages could not be settled; retrying",
                         {{"component", pipeline_.config.name},
                          {"queue", pipeline_.input.name},
                          {"cause", result.error().text}});
        }
        return false;
    }
    outage_.succeeded();
    if (auto taken = take_results(now); !taken) return taken.error();
    return true;
}

Result<void> Settler::take_results(delivery::Instant now) {
    bool any_done = false;
    Result<void> broken;
    const std::int64_t now_ms = unix_ms();
    for (std::size_t i = 0; i < settlements_.size(); ++i) {
        const delivery::Settlement& s = settlements_[i];
        if (calls_[i].result == VOLLEY_OK) {
            core_.settled(s.slot, false);
            if (s.kind != delivery::SettlementKind::ack) continue;
            any_done = true;
            const MessageContext& context = pipeline_.contexts[s.slot];
            pipeline_.ack_latency.add(context.message.timestamp_ms, now_ms);
            note_ack_exemplar(pipeline_, context, now_ms);
        } else if (auto failed = not_settled(s, calls_[i].result, now); !failed && broken) {
            broken = failed;
        }
    }
    if (auto failed = take_release_results(); !failed && broken) broken = failed;
    if (any_done)
        pipeline_.last_success_seconds.store(static_cast<double>(now_ms) / 1000.0, std::memory_order_relaxed);
    return broken;
}

// If the store may or may not have carried the settlement out, the message counts as lost, because it may be
// delivered again. Any other refusal is a fault of the connector, and would recur with every message.
Result<void> Settler::not_settled(const delivery::Settlement& settlement, std::int32_t result,
                                  delivery::Instant now) {
    if (result == VOLLEY_E_RETRY) {
        core_.settle_again(settlement.slot, now);
        return {};
    }
    core_.settled(settlement.slot, true);
    if (is_passing(code_of(result))) return {};
    return plugins::error_of_result(input_.label() + ": a message could not be settled", "settle", result);
}

// Keeps the releases that must be repeated.
Result<void> Settler::take_release_results() {
    Result<void> broken;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < releases_.size(); ++i) {
        const std::int32_t result = calls_[settlements_.size() + i].result;
        if (result == VOLLEY_E_RETRY)
            releases_[kept++] = releases_[i];
        else if (result != VOLLEY_OK && !is_passing(code_of(result)) && broken)
            broken = plugins::error_of_result(input_.label(), "settle", result);
    }
    releases_.resize(kept);
    return broken;
}

delivery::Instant OffsetCommitter::next() const {
    return input_.has_offsets() && core_.has_commits() ? next_ : delivery::never;
}

Result<bool> OffsetCommitter::commit(delivery::Instant now) {
    if (now < next_) return true;
    return commit(now, false, delivery::Millis(0));
}

Result<bool> OffsetCommitter::commit_and_wait(delivery::Instant now, delivery::Millis timeout) {
    return commit(now, true, timeout);
}

Result<bool> OffsetCommitter::commit(delivery::Instant now, bool wait, delivery::Millis timeout) {
    if (!input_.has_offsets() || !input_.is_open()) return true;
    commits_.clear();
    core_.take_commits(commits_);
    // Earlier commits may not be carried out yet: waiting includes them.
    if (commits_.empty() && !wait) return true;
    next_ = now + commit_period;
    std::vector<volley_partition> partitions;
    for (const delivery::Commit& c : commits_) {
        if (const Assignment* assignment = assignments_.of_lane(c.lane))
            partitions.push_back(partition_of(*assignment, c.offset));
    }
    const auto committed = input_.commit(partitions, wait, timeout);
    if (committed) {
        outage_.succeeded();
        return true;
    }
    for (const delivery::Commit& c : commits_) core_.commit_again(c.lane);
    const Error& failed = committed.error();
    if (!is_passing(failed.code)) return failed;
    if (outage_.is_news(failed.text, now)) {
        log::warning(
            "offsets could not be committed; retrying",
            {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}, {"cause", failed.text}});
    }
    return false;
}

}  // namespace volley::runtime
