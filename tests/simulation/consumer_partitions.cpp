// Partitions come and go, and sometimes against the rules.
#include <algorithm>

#include "consumer.hpp"

namespace simulation {

// ---- partitions

void Consumer::assign_free() {
    for (std::size_t i = 0; i < world_.partitions.size(); ++i) {
        Partition& p = world_.partitions[i];
        if (p.owner != nullptr || (!world_.healing && chance(world_.random, 0.2))) continue;
        p.owner = this;
        Owned owned;
        owned.partition = static_cast<int>(i);
        owned.epoch = ++p.epoch;
        owned.life = p.life;
        owned.lane = process_.next_group++;
        while (owned.position < p.messages.size() &&
               world_.messages[static_cast<std::size_t>(p.messages[owned.position])].offset < p.committed)
            ++owned.position;
        owned.start = owned.position;
        owned_.push_back(owned);
        volley_partition assigned{};
        assigned.source = view_of(source_);
        assigned.partition = owned.partition;
        assigned.epoch = owned.epoch;
        assigned.offset = p.committed;
        events_->assigned(events_->context, &assigned, 1, sizeof assigned);
    }
}

void Consumer::revoke(std::size_t index, bool lost) {
    const Owned owned = owned_[index];
    volley_partition revoked{};
    revoked.source = view_of(source_);
    revoked.partition = owned.partition;
    revoked.epoch = owned.epoch;
    if (lost) lose_deliveries_of(owned);
    ++process_.draining;
    events_->revoked(events_->context, &revoked, 1, sizeof revoked, lost ? 1 : 0);
    --process_.draining;
    carry_out_commits();
    lose_deliveries_of(owned);
    give_up(owned.partition);
}

void Consumer::lose_deliveries_of(const Owned& owned) {
    for (auto& [handle, d] : process_.deliveries) {
        if (d.consumer == this && d.group >> 32U == owned.lane) d.lost = true;
    }
}

void Consumer::give_up(int partition) {
    Partition& p = world_.partitions[static_cast<std::size_t>(partition)];
    if (p.owner == this) p.owner = nullptr;
    std::erase_if(owned_, [&](const Owned& o) { return o.partition == partition; });
}

// Rebalances, and topics that were made again.
void Consumer::serve() {
    if (!log_) return;
    for (std::size_t i = 0; i < owned_.size(); ++i) {
        const Partition& p = world_.partitions[static_cast<std::size_t>(owned_[i].partition)];
        if (p.life == owned_[i].life) continue;
        revoke(i, true);
        break;
    }
    if ((wants_loss_ || wants_revocation_) && !owned_.empty())
        revoke(below(world_.random, owned_.size()), std::exchange(wants_loss_, false));
    wants_revocation_ = wants_loss_ = false;
    assign_free();
}

void Consumer::pause(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                     bool paused) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* p = &element(partitions, stride, i);
        for (Owned& owned : owned_) {
            if (owned.partition == p->partition && owned.epoch == p->epoch) owned.paused = paused;
        }
    }
}

// What the engine must not take: it hears of it, and the store knows nothing of it.
void Consumer::break_contract_in_events() {
    if (!log_ || owned_.empty()) return;
    volley_partition p[2]{};
    p[0].source = view_of(source_);
    p[0].partition = 77;
    p[0].epoch = 1;
    const auto lost = static_cast<std::int32_t>(below(world_.random, 2));
    if (breaks(Breach::revokes_unknown_partition))
        events_->revoked(events_->context, p, 1, sizeof p[0], lost);
    if (breaks(Breach::revokes_twice)) {
        p[0].partition = owned_[0].partition;
        p[0].epoch = owned_[0].epoch;
        p[1] = p[0];
        lose_deliveries_of(owned_[0]);
        events_->revoked(events_->context, p, 2, sizeof p[0], 1);
        carry_out_commits();
        give_up(owned_[0].partition);
    } else if (breaks(Breach::assigns_twice)) {
        Owned& owned = owned_[0];
        Partition& partition = world_.partitions[static_cast<std::size_t>(owned.partition)];
        lose_deliveries_of(owned);
        carry_out_commits();
        owned.epoch = ++partition.epoch;
        owned.lane = process_.next_group++;
        owned.seen = 0;
        owned.position = owned.start;
        while (owned.position < partition.messages.size() &&
               world_.messages[static_cast<std::size_t>(partition.messages[owned.position])].offset <
                   partition.committed)
            ++owned.position;
        owned.start = owned.position;
        p[0].partition = owned.partition;
        p[0].epoch = owned.epoch;
        p[0].offset = partition.committed;
        events_->assigned(events_->context, p, 1, sizeof p[0]);
    }
}

// What a batch can have wrong.
std::int32_t Consumer::break_batch(volley_batch& batch, volley_error* error) {
    auto& last = element(batch.messages, batch.message_size, batch.count - 1);
    if (breaks(Breach::consume_fails_after_half)) {
        for (std::uint32_t i = 0; i < batch.count; ++i) undo(element(batch.messages, batch.message_size, i));
        return failed(error);
    }
    if (breaks(Breach::consume_fills_too_many)) {
        for (std::uint32_t i = 0; i < batch.count; ++i) undo(element(batch.messages, batch.message_size, i));
        batch.count = batch.capacity + 1;
    }
    if (breaks(Breach::consume_headers_without_array)) last.header_count = 3;
    if (log_ && batch.count < batch.capacity && breaks(Breach::consume_names_no_partition)) {
        auto& stray = element(batch.messages, batch.message_size, batch.count++);
        stray = last;
        stray.handle = world_.next_handle++;
        stray.partition = 77;
        Delivery& d = process_.deliveries[stray.handle];
        d = *process_.find(last.handle);
        d.lost = true;
        d.group = 0;
        stray.body = view_of(d.body);
    }
    return VOLLEY_OK;
}

// The engine does not get it: it is there still.
void Consumer::undo(const volley_message& message) {
    Delivery* const d = process_.find(message.handle);
    if (d == nullptr) return;
    Message& m = world_.messages[static_cast<std::size_t>(d->message)];
    if (m.taken_by == message.handle) m.taken_by = 0;
    for (Owned& owned : owned_) {
        const Partition& p = world_.partitions[static_cast<std::size_t>(owned.partition)];
        const auto at = std::find(p.messages.begin(), p.messages.end(), m.number) - p.messages.begin();
        if (owned.partition != message.partition) continue;
        owned.position = std::min(owned.position, static_cast<std::size_t>(at));
        owned.seen = std::min(owned.seen, owned.position);
    }
    process_.close(message.handle);
}

}  // namespace simulation
