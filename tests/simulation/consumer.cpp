#include "consumer.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <stdexcept>

namespace simulation {

namespace {

constexpr std::int64_t never_ms = std::numeric_limits<std::int64_t>::max();

}  // namespace

Consumer::~Consumer() {
    std::erase(process_.consumers, this);
    for (Partition& p : world_.partitions) {
        if (p.owner == this) p.owner = nullptr;
    }
}

std::int32_t Consumer::open(volley_error* error) {
    world_.fibers.yield();
    if (!process_.crashed && world_.injects_failure(0.5)) return failed(error);
    if (breaks(Breach::open_unknown_status)) return unknown_status;
    is_open_ = true;
    process_.consumers.push_back(this);
    return VOLLEY_OK;
}

bool Consumer::breaks(Breach breach) { return !process_.crashed && world_.hostility.now(breach); }

// ---- consume

bool Consumer::has_room(const volley_batch& batch) const {
    return batch.count < batch.capacity && (batch.max_bytes == 0 || batch_bytes_ < batch.max_bytes);
}

void Consumer::deliver(volley_batch& batch, int message, const Owned* owned) {
    const Message& m = world_.messages[static_cast<std::size_t>(message)];
    const std::uint64_t handle = world_.next_handle++;
    Delivery& d = process_.deliveries[handle];
    d.message = message;
    d.consumer = this;
    d.body = m.body;
    d.id = "m" + std::to_string(message);
    if (m.key != 0 && !world_.scenario.codec) d.key = std::to_string(m.key);
    const auto& c = world_.scenario.component;
    const volley::Order order = c.order != volley::Order::automatic    ? c.order
                                : c.workers == 1 && c.concurrency == 1 ? volley::Order::partition
                                                                       : volley::Order::key;
    const std::uint64_t lane = owned == nullptr ? 1 : owned->lane;
    d.group = lane << 32U;
    d.again = owned != nullptr && owned->position <= owned->seen;
    if (order == volley::Order::key) d.group |= m.key;
    const bool ordered = order == volley::Order::partition || (order == volley::Order::key && m.key != 0);
    if (ordered) process_.groups[d.group].push_back(handle);

    auto* out = &element(batch.messages, batch.message_size, batch.count);
    out->handle = handle;
    out->body = view_of(d.body);
    if (!d.key.empty()) out->key = view_of(d.key);
    out->timestamp_ms = 1'000'000'000 + message;
    if (owned != nullptr) {
        out->source = view_of(source_);
        out->partition = owned->partition;
        out->epoch = owned->epoch;
        out->offset = m.offset;
    } else {
        out->id = view_of(d.id);
        out->delivery_count = m.deliveries;
        if (world_.scenario.lease_ms > 0) {
            out->lease_ms = static_cast<std::uint32_t>(world_.scenario.lease_ms);
            d.lease_until_ms = world_.fibers.now_ms() + world_.scenario.lease_ms;
        }
    }
    ++batch.count;
    batch_bytes_ += d.body.size() + d.key.size();
    world_.trace(message,
                 "it is delivered, handle " + std::to_string(handle) + ", key " + std::to_string(m.key));
}

bool Consumer::take_from_log(volley_batch& batch) {
    std::uint64_t most = 1 + below(world_.random, 12);
    for (std::size_t tries = owned_.size() * 2; tries > 0 && most > 0; --tries) {
        Owned& owned = owned_[below(world_.random, owned_.size())];
        const Partition& p = world_.partitions[static_cast<std::size_t>(owned.partition)];
        if (owned.paused || owned.life != p.life) continue;
        // A log hands out old offsets again now and then.
        if (owned.position > owned.start && world_.injects_failure(0.1)) --owned.position;
        for (; most > 0 && owned.position < p.messages.size() && has_room(batch); --most) {
            deliver(batch, p.messages[owned.position++], &owned);
            owned.seen = std::max(owned.seen, owned.position);
        }
    }
    return batch.count > 0;
}

bool Consumer::take_from_queue(volley_batch& batch) {
    std::uint64_t most = 1 + below(world_.random, 12);
    const std::int64_t now = world_.fibers.now_ms();
    for (Message& m : world_.messages) {
        if (most == 0 || !has_room(batch)) break;
        if (m.deleted) continue;
        if (m.taken_by != 0) {
            Delivery* const d = process_.find(m.taken_by);
            if (d == nullptr || d->lease_until_ms == 0 || d->lease_until_ms > now) continue;
            d->lost = true;
            m.taken_by = 0;
        }
        if (m.visible_at_ms > now) continue;
        --most;
        ++m.deliveries;
        m.taken_by = world_.next_handle;
        deliver(batch, m.number, nullptr);
    }
    return batch.count > 0;
}

std::int64_t Consumer::next_visible_ms() const {
    if (log_) return never_ms;
    std::int64_t next = never_ms;
    for (const Message& m : world_.messages) {
        if (!m.deleted && m.taken_by == 0) next = std::min(next, m.visible_at_ms);
    }
    return next;
}

std::int32_t Consumer::consume(volley_batch& batch, std::uint32_t timeout_ms, volley_error* error) {
    if (!is_open_) world_.fault("consume on a consumer that is not open");
    world_.fibers.yield();
    if (process_.crashed) {
        world_.fibers.wait(this, world_.fibers.now() + std::chrono::milliseconds(timeout_ms));
        return VOLLEY_OK;
    }
    if (world_.injects_failure(0.3)) return failed(error);
    if (breaks(Breach::consume_throws)) throw std::runtime_error("consume throws");
    if (breaks(Breach::consume_unknown_status)) return unknown_status;
    break_contract_in_events();
    const Nanoseconds deadline = world_.fibers.now() + std::chrono::milliseconds(timeout_ms);
    batch_bytes_ = 0;
    for (;;) {
        serve();
        carry_out_commits();
        if (log_ ? take_from_log(batch) : take_from_queue(batch)) break;
        if (std::exchange(interrupted_, false) || process_.crashed) break;
        const Nanoseconds now = world_.fibers.now();
        if (now >= deadline) break;
        const std::int64_t visible = next_visible_ms();
        const Nanoseconds until =
            visible == never_ms ? deadline
                                : std::min(deadline, Nanoseconds(std::chrono::milliseconds(visible + 1)));
        world_.fibers.wait(this, std::max(until, now + Nanoseconds(1)));
    }
    return batch.count > 0 ? break_batch(batch, error) : VOLLEY_OK;
}

std::int32_t Consumer::poll(std::uint32_t timeout_ms) {
    if (breaks(Breach::poll_unknown_status)) return unknown_status;
    world_.fibers.yield();
    if (!process_.crashed) {
        serve();
        carry_out_commits();
    }
    if (!std::exchange(interrupted_, false))
        world_.fibers.wait(this, world_.fibers.now() + std::chrono::milliseconds(timeout_ms));
    interrupted_ = false;
    return VOLLEY_OK;
}

void Consumer::interrupt() {
    interrupted_ = true;
    world_.fibers.notify(this);
}

void Consumer::wake() { world_.fibers.notify(this); }

}  // namespace simulation
