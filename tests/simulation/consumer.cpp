#include "consumer.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <stdexcept>

namespace simulation {

namespace {

constexpr std::int64_t never_ms = std::numeric_limits<std::int64_t>::max();

std::int32_t failed(volley_error* error) { return volley_fail(error, VOLLEY_E_RETRY, "the store is down"); }

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
    process_.reloading = false;
    process_.consumers.push_back(this);
    return VOLLEY_OK;
}

bool Consumer::breaks(Breach breach) { return !process_.crashed && world_.hostility.now(breach); }

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
        give_up(owned_[0].partition);
    } else if (breaks(Breach::assigns_twice)) {
        Owned& owned = owned_[0];
        Partition& partition = world_.partitions[static_cast<std::size_t>(owned.partition)];
        lose_deliveries_of(owned);
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
    const volley::Order order = c.order != volley::Order::automatic ? c.order
                                : c.workers == 1                    ? volley::Order::partition
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
    const char* const outcomes[] = {"acked", "put back", "rejected", "released"};
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

// ---- tables

namespace {

Consumer* self(volley_consumer* c) { return reinterpret_cast<Consumer*>(c); }

template <bool log>
std::int32_t create(const volley_host*, const volley_options*, volley_consumer** out, volley_error*) {
    *out = reinterpret_cast<volley_consumer*>(new Consumer(*current_process, log));
    return VOLLEY_OK;
}

const volley_ext_partitions partitions_table = [] {
    volley_ext_partitions t{};
    t.struct_size = sizeof t;
    t.listen = [](volley_consumer* c, const volley_partition_events* events) { self(c)->listen(events); };
    t.pause = [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                 volley_error*) {
        self(c)->pause(p, count, stride, true);
        return std::int32_t{VOLLEY_OK};
    };
    t.resume = [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                  volley_error*) {
        self(c)->pause(p, count, stride, false);
        return std::int32_t{VOLLEY_OK};
    };
    return t;
}();

const volley_ext_log log_table = [] {
    volley_ext_log t{};
    t.struct_size = sizeof t;
    t.commit = [](volley_consumer* c, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                  std::int32_t wait, std::uint32_t,
                  volley_error* error) { return self(c)->commit(p, count, stride, wait != 0, error); };
    return t;
}();

const volley_ext_lease lease_table = [] {
    volley_ext_lease t{};
    t.struct_size = sizeof t;
    t.extend = [](volley_consumer* c, const std::uint64_t* handles, std::int32_t* results,
                  std::uint32_t count, std::uint32_t lease_ms,
                  volley_error* error) { return self(c)->extend(handles, results, count, lease_ms, error); };
    return t;
}();

const volley_ext_identity identity_table = [] {
    volley_ext_identity t{};
    t.struct_size = sizeof t;
    t.identity = [](volley_consumer* c, volley_view* out, volley_error*) {
        if (self(c)->breaks(Breach::identity_unknown_status)) return unknown_status;
        *out = view_of(self(c)->identity());
        return std::int32_t{VOLLEY_OK};
    };
    return t;
}();

template <bool log>
const void* extension(volley_consumer*, const char* id) {
    const std::string_view name = id;
    const Scenario& s = current_process->world.scenario;
    if (log && name == VOLLEY_EXT_PARTITIONS) return &partitions_table;
    if (log && name == VOLLEY_EXT_LOG) return &log_table;
    if (!log && name == VOLLEY_EXT_LEASE && s.lease_ms > 0) return &lease_table;
    if (name == VOLLEY_EXT_IDENTITY && s.identity) return &identity_table;
    return nullptr;
}

template <bool log, bool interrupt>
const volley_consumer_class* functions() {
    static const volley_consumer_class table = [] {
        volley_consumer_class t{};
        t.struct_size = sizeof t;
        t.create = &create<log>;
        t.open = [](volley_consumer* c, volley_error* error) { return self(c)->open(error); };
        t.consume = [](volley_consumer* c, volley_batch* batch, std::uint32_t timeout_ms,
                       volley_error* error) { return self(c)->consume(*batch, timeout_ms, error); };
        t.settle = [](volley_consumer* c, volley_settlement* s, std::uint32_t count, std::uint32_t stride,
                      volley_error* error) { return self(c)->settle(s, count, stride, error); };
        if (log)
            t.poll = [](volley_consumer* c, std::uint32_t timeout_ms, volley_error*) {
                return self(c)->poll(timeout_ms);
            };
        if (interrupt) t.interrupt = [](volley_consumer* c) { self(c)->interrupt(); };
        t.close = [](volley_consumer* c, std::uint32_t, volley_error*) { return self(c)->close(); };
        t.destroy = [](volley_consumer* c) { delete self(c); };
        t.get_extension = &extension<log>;
        return t;
    }();
    return &table;
}

}  // namespace

const volley_consumer_class* log_consumer(bool interrupt) {
    return interrupt ? functions<true, true>() : functions<true, false>();
}
const volley_consumer_class* queue_consumer(bool interrupt) {
    return interrupt ? functions<false, true>() : functions<false, false>();
}

void ask_for_rebalance(Process& process, bool lost) {
    for (Consumer* consumer : process.consumers) consumer->ask_for_rebalance(lost);
}

// The store gives a message to somebody else, who is slow: later it comes to us again.
void expire_lease(Process& process) {
    if (process.deliveries.empty()) return;
    auto d = process.deliveries.begin();
    std::advance(d, static_cast<std::ptrdiff_t>(below(process.world.random, process.deliveries.size())));
    Message& m = process.world.messages[static_cast<std::size_t>(d->second.message)];
    if (d->second.lost || m.taken_by != d->first) return;
    d->second.lost = true;
    m.taken_by = 0;
    m.visible_at_ms =
        process.world.fibers.now_ms() + static_cast<std::int64_t>(below(process.world.random, 50));
    process.world.trace(m.number, "its lease runs out");
}

}  // namespace simulation
