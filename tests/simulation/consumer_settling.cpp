// Settlements, commits, leases and the end.
#include <algorithm>
#include <stdexcept>

#include "consumer.hpp"

namespace simulation {

// ---- settle, commit, leases

std::int32_t Consumer::settle_one(const volley_settlement& s) {
    Delivery* const d = process_.find(s.handle);
    if (d == nullptr) {
        world_.fault("a delivery is settled twice, or was never made");
        return VOLLEY_OK;
    }
    if (process_.crashed) {
        process_.close(s.handle);
        return VOLLEY_OK;
    }
    d->asked = true;
    if (world_.injects_failure()) return VOLLEY_E_RETRY;
    const int message = d->message;
    Message& m = world_.messages[static_cast<std::size_t>(message)];
    const char* const outcomes[] = {"acked", "put back", "released", "?"};
    world_.trace(message, std::string("the engine settles it: ") + outcomes[s.outcome & 3]);
    const bool by_outage = d->stage == Stage::given_up && d->failed_in_outage;
    if (s.outcome == VOLLEY_ACK && world_.is_outage() && by_outage &&
        d->first_tried_ms > world_.outage_began_ms)
        world_.given_up();
    bool lost = d->lost;
    if (log_) {
        if (s.outcome == VOLLEY_ACK && !lost && !m.is_safe())
            world_.fault("message " + std::to_string(message) +
                         " of a log is acked before every output is stored");
        if (s.outcome == VOLLEY_NACK) world_.fault("a message of a log is put back");
    } else if (m.deleted) {
        // By a transaction whose reply was lost; or by somebody else, after the lease.
        lost = m.deleted_by != s.handle;
    } else if (m.taken_by == s.handle) {
        m.taken_by = 0;
        m.visible_at_ms = world_.fibers.now_ms() + static_cast<std::int64_t>(s.delay_ms);
        if (s.outcome == VOLLEY_ACK) {
            world_.acked(message);
            m.deleted_by = s.handle;
        }
    } else {
        lost = true;
    }
    process_.close(s.handle);
    return lost ? VOLLEY_E_LOST : VOLLEY_OK;
}

std::int32_t Consumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride,
                              volley_error* error) {
    if (!is_open_) world_.fault("settle on a consumer that is not open");
    world_.fibers.yield();
    if (breaks(Breach::settle_throws)) throw std::runtime_error("settle throws");
    if (breaks(Breach::settle_unknown_status)) return volley_fail(error, unknown_status, "no such status");
    if (breaks(Breach::settle_sets_no_result)) return VOLLEY_OK;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto* s = &element(settlements, stride, i);
        s->result = settle_one(*s);
        if (s->result == VOLLEY_OK && breaks(Breach::settle_unknown_result)) s->result = unknown_status;
    }
    return VOLLEY_OK;
}

void Consumer::carry_out_commits() {
    for (const Commit& c : commits_) {
        if (!process_.crashed) world_.commit(c.partition, c.life, c.offset);
    }
    commits_.clear();
}

std::int32_t Consumer::commit(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                              bool wait, volley_error* error) {
    if (!is_open_) world_.fault("commit on a consumer that is not open");
    if (process_.crashed) return VOLLEY_OK;
    if (world_.injects_failure()) return failed(error);
    if (count > 0 && breaks(Breach::commit_throws)) throw std::runtime_error("commit throws");
    if (count > 0 && breaks(Breach::commit_unknown_status)) return unknown_status;
    std::int32_t status = VOLLEY_OK;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* p = &element(partitions, stride, i);
        const auto owned = std::find_if(owned_.begin(), owned_.end(), [&](const Owned& o) {
            return o.partition == p->partition && o.epoch == p->epoch;
        });
        if (owned == owned_.end())
            status = VOLLEY_E_LOST;
        else
            commits_.push_back({p->partition, owned->life, p->offset});
    }
    if (wait || chance(world_.random, 0.5)) carry_out_commits();
    return status;
}

std::int32_t Consumer::extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                              std::uint32_t lease_ms, volley_error* error) {
    if (process_.crashed) return VOLLEY_OK;
    if (world_.injects_failure(0.5)) return failed(error);
    if (breaks(Breach::extend_unknown_status)) return unknown_status;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (breaks(Breach::extend_unknown_result)) results[i] = unknown_status;
        Delivery* const d = process_.find(handles[i]);
        if (d == nullptr) {
            world_.fault("a lease is extended of a delivery that is not open");
            continue;
        }
        const Message& m = world_.messages[static_cast<std::size_t>(d->message)];
        if (m.deleted_by == handles[i]) continue;  // in a transaction whose reply was lost
        const bool lost = d->lost || m.taken_by != handles[i];
        if (lost)
            results[i] = VOLLEY_E_LOST;
        else if (d->lease_until_ms > 0)
            d->lease_until_ms = world_.fibers.now_ms() + lease_ms;
    }
    return VOLLEY_OK;
}

std::int64_t Consumer::ready() const {
    std::int64_t count = 0;
    for (const Message& m : world_.messages) {
        if (!m.deleted && !m.gone && m.taken_by == 0) ++count;
    }
    return count;
}

const std::string& Consumer::identity() {
    identity_ = "the model store";
    return identity_;
}

std::int32_t Consumer::close() {
    if (!is_open_) world_.fault("close of a consumer that is not open");
    while (!owned_.empty()) {
        if (process_.crashed)
            owned_.pop_back();
        else
            revoke(0, false);
    }
    for (const auto& [handle, d] : process_.deliveries) {
        if (d.consumer == this && !d.asked && !process_.crashed && process_.posted.empty() &&
            !world_.hostility.is_done)
            world_.fault("message " + std::to_string(d.message) +
                         " is neither settled nor released at the end");
    }
    carry_out_commits();
    is_open_ = false;
    std::erase(process_.consumers, this);
    if (breaks(Breach::close_throws)) throw std::runtime_error("close throws");
    return breaks(Breach::close_unknown_status) ? unknown_status : std::int32_t{VOLLEY_OK};
}

}  // namespace simulation
