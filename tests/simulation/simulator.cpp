// The world, its faults, and the promises that are checked after every step.
#include <algorithm>

#include "simulation.hpp"

namespace simulation {

void Simulator::make_world() {
    world_.log = chance(random_, 0.5);
    options_.log = world_.log;
    options_.order = static_cast<Order>(below(random_, 3));
    options_.pipelined = chance(random_, 0.5);
    transactions_ = !world_.log && chance(random_, 0.5);
    options_.max_attempts = static_cast<std::uint32_t>(1 + below(random_, 4));
    options_.initial_delay = Millis(1 + below(random_, 50));
    options_.max_delay = Millis(100 + below(random_, 1000));
    options_.max_in_flight = static_cast<std::uint32_t>(2 + below(random_, 60));
    options_.max_in_flight_bytes = chance(random_, 0.3) ? 500 : 1'000'000;
    options_.letter_bytes = static_cast<std::uint32_t>(below(random_, 600));
    options_.letter_copies = static_cast<std::uint32_t>(below(random_, 3));
    largest_outputs_ = chance(random_, 0.5) ? below(random_, 1000) : 0;
    const Last lasts[] = {Last::dead_letter, Last::requeue, Last::drop, Last::stop, Last::keep_trying};
    options_.on_exhausted = lasts[below(random_, 5)];
    options_.on_permanent = lasts[below(random_, 4)];
    if (world_.log && options_.on_exhausted == Last::requeue) options_.on_exhausted = Last::dead_letter;
    if (world_.log && options_.on_permanent == Last::requeue) options_.on_permanent = Last::dead_letter;
    calm_ = chance(random_, 0.2);
    trouble_ = calm_ ? 0.0 : 0.02 + 0.2 * static_cast<double>(below(random_, 100)) / 100;

    const std::uint64_t partitions = world_.log ? 1 + below(random_, 4) : 1;
    const bool may_poison =
        options_.on_exhausted == Last::dead_letter && options_.on_permanent == Last::dead_letter;
    world_.partitions.resize(partitions);
    world_.committed.assign(partitions, 0);
    std::vector<std::int64_t> next(partitions, 0);
    const std::uint64_t count = 20 + below(random_, 120);
    const std::uint64_t keys = 1 + below(random_, 8);
    for (std::uint64_t i = 0; i < count; ++i) {
        Message m;
        m.partition = static_cast<int>(below(random_, partitions));
        auto& offset = next[static_cast<std::size_t>(m.partition)];
        m.offset = offset;
        offset += 1 + (chance(random_, 0.2) ? static_cast<std::int64_t>(below(random_, 5)) : 0);  // sparse
        m.key = chance(random_, 0.15) ? 0 : 1 + below(random_, keys);
        m.outputs = static_cast<int>(below(random_, 4));
        m.stored.assign(static_cast<std::size_t>(m.outputs), 0);
        if (m.outputs > 0 && largest_outputs_ > 0) m.output_bytes = below(random_, largest_outputs_);
        m.unwanted = chance(random_, 0.05);
        m.poison = may_poison && !calm_ && chance(random_, 0.05);
        m.permanent = chance(random_, 0.3);
        // A clean stop must not duplicate because of a message that needs a second attempt.
        if (calm_ && options_.max_attempts > 1 && chance(random_, 0.05)) m.failures_left = 1;
        if (m.failures_left > 0) m.permanent = false;
        if (chance(random_, trouble_)) m.failures_left = static_cast<int>(below(random_, 6));
        world_.partitions[static_cast<std::size_t>(m.partition)].push_back(static_cast<int>(i));
        world_.messages.push_back(m);
    }
    verdict_.scenario = std::string(world_.log ? "log" : "queue") +
                        " order=" + std::to_string(static_cast<int>(options_.order)) +
                        " pipelined=" + std::to_string(options_.pipelined) +
                        " transactions=" + std::to_string(transactions_) +
                        " messages=" + std::to_string(count);
}

void Simulator::boot() {
    options_.seed = random_();
    p_ = std::make_unique<Process>(options_);
    p_->workers.resize(1 + below(random_, 4));
    p_->failed_turns.resize(p_->workers.size());
    if (transactions_) p_->core.use_transactions();
    outage_began_ = now_;  // an outage goes on, and the breaker is new
    given_up_ = 0;
    for (Message& m : world_.messages) m.taken = false;
    if (!world_.log) {
        p_->assigned.push_back({0, p_->core.open_lane(), 0, next_lane_++});
        return;
    }
    while (p_->assigned.size() < world_.partitions.size() && chance(random_, 0.9)) assign();
}

void Simulator::assign() {
    for (std::size_t partition = 0; partition < world_.partitions.size(); ++partition) {
        const bool ours = std::any_of(p_->assigned.begin(), p_->assigned.end(), [&](const auto& a) {
            return a.partition == static_cast<int>(partition);
        });
        if (ours) continue;
        Process::Assigned a;
        a.partition = static_cast<int>(partition);
        a.lane = p_->core.open_lane();
        a.number = next_lane_++;
        const auto& log = world_.partitions[partition];
        while (a.position < log.size() && world_.messages[static_cast<std::size_t>(log[a.position])].offset <
                                              world_.committed[partition]) {
            ++a.position;
        }
        p_->assigned.push_back(a);
        return;
    }
}

void Simulator::revoke(bool lost) {
    if (p_->assigned.empty()) return;
    ++verdict_.rebalances;
    const std::size_t index = below(random_, p_->assigned.size());
    const Process::Assigned a = p_->assigned[index];
    if (!lost) {
        p_->core.revoke(a.lane);
        for (std::uint64_t n = below(random_, 200); n > 0 && !p_->core.is_drained(a.lane); --n) {
            work();
            if (!p_->records.empty()) report_one(below(random_, p_->records.size()));
            now_ += Millis(5);
            p_->core.tick(now_);
            dispatch();
        }
        commit();
    }
    p_->core.end_lane(a.lane);
    p_->assigned.erase(p_->assigned.begin() + static_cast<std::ptrdiff_t>(index));
}

void Simulator::crash() {
    ++verdict_.crashes;
    boot();
}

// A clean stop: everything in hand is carried through or left; afterwards nothing may be open.
void Simulator::stop_and_restart() {
    p_->core.stop();
    const bool patient = calm_ || chance(random_, 0.7);
    for (int n = 0; n < 20'000 && !p_->core.is_idle(); ++n) {
        if (!patient && n == 50) {
            p_->core.abort();
            for (const Slot slot : p_->transaction) p_->core.transaction_left(slot);
            p_->transaction.clear();
        }
        work();
        if (!p_->records.empty()) report_one(below(random_, p_->records.size()));
        now_ += Millis(5);
        p_->core.tick(now_);
        dispatch();
        if (patient || n < 50) transact();
        settle();
        commit();
    }
    commit();
    if (!p_->core.is_idle()) fault("a stop does not end");
    if (!p_->delivered.empty()) fault("a stop leaves a delivery unsettled");
    boot();
}

// The store gives a message to somebody else, who is slow: later it comes to us again.
void Simulator::expire_a_lease() {
    if (world_.log || p_->delivered.empty()) return;
    auto d = p_->delivered.begin();
    std::advance(d, static_cast<std::ptrdiff_t>(below(random_, p_->delivered.size())));
    if (d->second.lost) return;
    d->second.lost = true;
    world_.messages[static_cast<std::size_t>(d->second.message)].taken = false;
    // Whoever keeps the leases may notice while the message is at work, or never.
    if (chance(random_, 0.5)) return;
    Slot slot = no_slot;
    p_->core.for_each_open([&](Slot open, const Entry& entry) {
        if (entry.handle == d->first && entry.state != State::settling && !entry.lease_lost) slot = open;
    });
    if (slot != no_slot) p_->core.lose(slot);
}

void Simulator::step() {
    ++verdict_.steps;
    const bool trouble = !healing_ && chance(random_, trouble_ / 20);
    if (trouble) {
        switch (below(random_, 5)) {
            case 0:
                return crash();
            case 1:
                return world_.log ? revoke(true) : expire_a_lease();
            case 2:
                return world_.log ? revoke(false) : expire_a_lease();
            default:
                return stop_and_restart();
        }
    }
    if (calm_ && !healing_ && chance(random_, 0.01)) return stop_and_restart();
    if (!healing_ && chance(random_, trouble_ / 50)) begin_outage();
    switch (below(random_, 9)) {
        case 0:
            poll();
            break;
        case 7:
            transact();
            break;
        case 1:
            dispatch();
            break;
        case 2:
        case 3:
            work();
            break;
        case 4:
            if (!p_->records.empty()) report_one(below(random_, p_->records.size()));
            break;
        case 5:
            settle();
            break;
        case 6:
            commit();
            if (world_.log && p_->assigned.size() < world_.partitions.size()) assign();
            break;
        default:
            now_ += Millis(below(random_, 60));
            p_->core.tick(now_);
    }
    // Somebody has mended what stopped the component, and starts it again.
    if (p_->core.failed()) stop_and_restart();
}

// Everything fails for a while, as when what the handlers need is down.
void Simulator::begin_outage() {
    if (now_ < outage_ends_) return;
    outage_began_ = now_;
    outage_ends_ = now_ + Millis(500 + static_cast<std::int64_t>(below(random_, 5000)));
    given_up_ = 0;
}

// Of an outage only some messages may die: those that open the breaker, and those that are tried while it is
// open.
void Simulator::check_outage() {
    if (now_ >= outage_ends_) return;
    const auto shortest = std::min(Millis(1000), options_.max_delay);
    const auto tried = static_cast<std::uint64_t>((now_ - outage_began_) / shortest);
    if (given_up_ > Breaker::opens_after + 1 + tried) fault("an outage floods the dead-letter queue");
}

void Simulator::check_always() {
    const Counters& c = p_->core.counters();
    if (c.received != c.done + c.dead + c.dropped + c.requeued + c.abandoned + c.in_flight)
        fault("the audit does not add up");
    if (c.in_flight > options_.max_in_flight) fault("more in flight than max_in_flight");
    if (c.in_flight_bytes > options_.max_in_flight_bytes + largest_body)
        fault("more bytes in flight than max_in_flight_bytes and one message");
    // What started before it was known how large its outputs would be comes on top.
    const std::uint64_t started = p_->workers.size() * batches_ahead * largest_batch;
    const std::uint64_t letter = options_.letter_bytes + options_.letter_copies * std::uint64_t{largest_body};
    if (c.in_flight_bytes + c.held_bytes >
        options_.max_in_flight_bytes / 4 * 5 + largest_body + letter + started * largest_outputs_)
        fault("more bytes are held than max_in_flight_bytes and a quarter");
    if (c.in_flight == 0 && c.held_bytes > 0) fault("bytes are held for nothing");
    check_outage();
}

bool Simulator::everything_is_safe() const {
    return std::all_of(world_.messages.begin(), world_.messages.end(),
                       [this](const Message& m) { return world_.log ? m.is_safe() : m.deleted; });
}

// No more faults: everything must come through.
void Simulator::heal() {
    healing_ = true;
    outage_ends_ = now_;
    for (Message& m : world_.messages) {
        if (!m.poison) m.failures_left = 0;
    }
    const std::uint64_t limit = verdict_.steps + 400'000;
    while (!verdict_.broken && verdict_.steps < limit && !everything_is_safe()) {
        step();
        check_always();
    }
    if (!verdict_.broken && !everything_is_safe()) fault("stuck: not everything came through");
}

Verdict Simulator::run() {
    make_world();
    boot();
    for (int i = 0; i < 3000 && !verdict_.broken; ++i) {
        step();
        check_always();
    }
    if (!verdict_.broken) heal();
    for (const Message& m : world_.messages) {
        for (const int copies : m.stored)
            verdict_.duplicates += copies > 1 ? static_cast<std::uint64_t>(copies - 1) : 0;
    }
    if (calm_ && verdict_.duplicates > 0) fault("a clean stop duplicates");
    if (transactions_ && verdict_.duplicates > 0) fault("a transaction duplicates");
    return verdict_;
}

Verdict simulate(std::uint64_t seed) { return Simulator(seed).run(); }

}  // namespace simulation
