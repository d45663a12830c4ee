#include "simulator.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include "delivery/delivery.hpp"
#include "world.hpp"

namespace simulation {

namespace {

using namespace volley::delivery;

// One incarnation of the engine: what a crash loses.
struct Process {
    struct Delivered {
        int message = -1;
        std::uint64_t chain = 0;  // identity; 0 none
        bool lost = false;        // the store has taken it back
    };
    struct Record {
        Slot slot = no_slot;
        int message = -1;
        int output = 0;
        bool dead = false;
    };
    struct Assigned {
        int partition = 0;
        Lane lane = 0;
        std::size_t position = 0;  // index within the partition
        std::uint64_t number = 0;
    };
    struct Batch {
        std::vector<Run> runs;
    };

    explicit Process(const Options& options) : core(options) {}
    Delivery core;
    std::map<std::uint64_t, Delivered> delivered;  // by handle, until closed
    std::map<Slot, std::map<int, bool>> failed;    // outputs to send again
    std::vector<Assigned> assigned;
    std::vector<std::deque<Batch>> workers;
    std::vector<Record> records;
    std::map<std::uint64_t, std::vector<std::pair<std::uint64_t, Slot>>>
        chains;  // handles in order of arrival
};

class Simulator {
public:
    explicit Simulator(std::uint64_t seed) : random_(seed) {}
    Verdict run();

private:
    void make_world();
    void boot();
    void step();
    void poll();
    void poll_log();
    void poll_queue();
    void receive(int index, Lane lane, std::uint64_t lane_number);
    void dispatch();
    void check_order(const Run* runs, std::uint32_t count);
    bool has_passed(std::uint64_t handle, Slot slot) const;
    void work();
    void finish_batch(const Process::Batch& batch);
    void handle_one(const Run& run, std::vector<Chain>& failed);
    void report_one(std::size_t index);
    void settle();
    void settle_one(const Settlement& s);
    void commit();
    void revoke(bool lost);
    void assign();
    void crash();
    void stop_and_restart();
    void expire_a_lease();
    void heal();
    void check_always();
    bool everything_is_safe() const;
    void fault(const std::string& what) {
        if (!verdict_.broken) verdict_.broken = what + " (step " + std::to_string(verdict_.steps) + ")";
    }
    Message& message_of(Slot slot) {
        return world_
            .messages[static_cast<std::size_t>(p_->delivered.at(p_->core.entry(slot).handle).message)];
    }

    Random random_;
    World world_;
    Options options_;
    std::unique_ptr<Process> p_;
    Instant now_{0};
    std::uint64_t next_handle_ = 1;
    std::uint64_t next_lane_ = 1;
    double trouble_ = 0.1;
    bool healing_ = false;
    bool calm_ =
        false;  // nothing fails, and the only thing that happens is a clean stop: it must duplicate nothing
    Verdict verdict_;
};

void Simulator::make_world() {
    world_.log = chance(random_, 0.5);
    options_.log = world_.log;
    options_.order = static_cast<Order>(below(random_, 3));
    options_.pipelined = chance(random_, 0.5);
    options_.max_attempts = static_cast<std::uint32_t>(1 + below(random_, 4));
    options_.initial_delay = Millis(1 + below(random_, 50));
    options_.max_delay = Millis(100 + below(random_, 1000));
    options_.max_in_flight = static_cast<std::uint32_t>(2 + below(random_, 60));
    options_.max_in_flight_bytes = chance(random_, 0.3) ? 500 : 1'000'000;
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
        m.unwanted = chance(random_, 0.05);
        m.poison = may_poison && !calm_ && chance(random_, 0.05);
        m.permanent = chance(random_, 0.3);
        if (chance(random_, trouble_)) m.failures_left = static_cast<int>(below(random_, 6));
        world_.partitions[static_cast<std::size_t>(m.partition)].push_back(static_cast<int>(i));
        world_.messages.push_back(m);
    }
    verdict_.scenario = std::string(world_.log ? "log" : "queue") +
                        " order=" + std::to_string(static_cast<int>(options_.order)) +
                        " pipelined=" + std::to_string(options_.pipelined) +
                        " messages=" + std::to_string(count);
}

void Simulator::boot() {
    options_.seed = random_();
    p_ = std::make_unique<Process>(options_);
    p_->workers.resize(1 + below(random_, 4));
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

void Simulator::poll() {
    if (p_->core.room() == 0 || p_->assigned.empty()) return;
    if (world_.log)
        poll_log();
    else
        poll_queue();
}

void Simulator::poll_log() {
    auto& a = p_->assigned[below(random_, p_->assigned.size())];
    const auto& log = world_.partitions[static_cast<std::size_t>(a.partition)];
    // A log hands out old offsets again now and then.
    if (a.position > 0 && chance(random_, trouble_ / 4)) --a.position;
    for (std::uint64_t n = 1 + below(random_, 8); n > 0 && a.position < log.size() && p_->core.room() > 0;
         --n) {
        receive(log[a.position++], a.lane, a.number);
    }
}

void Simulator::poll_queue() {
    std::uint64_t n = 1 + below(random_, 8);
    for (std::size_t i = 0; i < world_.messages.size() && n > 0 && p_->core.room() > 0; ++i) {
        Message& m = world_.messages[i];
        if (m.taken || m.deleted) continue;
        m.taken = true;
        --n;
        receive(static_cast<int>(i), p_->assigned.front().lane, p_->assigned.front().number);
    }
}

void Simulator::receive(int index, Lane lane, std::uint64_t lane_number) {
    const Message& m = world_.messages[static_cast<std::size_t>(index)];
    Incoming in;
    in.handle = next_handle_++;
    in.lane = lane;
    in.offset = world_.log ? m.offset : -1;
    in.key_hash = m.key;
    in.has_key = m.key != 0;
    in.bytes = static_cast<std::uint32_t>(below(random_, 50));
    const Slot slot = p_->core.receive(in);
    if (slot == no_slot) return;
    Process::Delivered d{index, 0, false};
    if (options_.order == Order::partition) d.chain = lane_number << 32U;
    if (options_.order == Order::key && m.key != 0) d.chain = (lane_number << 32U) | m.key;
    p_->delivered[in.handle] = d;
    if (d.chain != 0) p_->chains[d.chain].emplace_back(in.handle, slot);
}

// A message lets those behind it go: it is finished, or, where outputs are pipelined, all of them were
// accepted.
bool Simulator::has_passed(std::uint64_t handle, Slot slot) const {
    const Entry& e = p_->core.entry(slot);
    if (e.handle != handle || e.state == State::free || e.state == State::settled ||
        e.state == State::settling)
        return true;
    return options_.pipelined && e.state == State::sending && e.outputs_failed == 0 && e.handled;
}

void Simulator::check_order(const Run* runs, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (runs[i].step != Step::handle) continue;
        const Entry& e = p_->core.entry(runs[i].slot);
        const auto& d = p_->delivered.at(e.handle);
        if (e.attempt > options_.max_attempts && options_.on_exhausted != Last::keep_trying &&
            options_.on_permanent != Last::keep_trying) {
            fault("more attempts than max_attempts");
        }
        if (d.chain == 0) continue;
        for (const auto& [handle, slot] : p_->chains[d.chain]) {
            if (handle == e.handle) break;
            const bool before_in_batch = std::any_of(runs, runs + i, [&, s = slot](const Run& r) {
                return r.slot == s && r.step == Step::handle;
            });
            if (!before_in_batch && !has_passed(handle, slot))
                fault("a message overtakes or overlaps one of its chain");
        }
    }
}

void Simulator::dispatch() {
    auto& inbox = p_->workers[below(random_, p_->workers.size())];
    if (inbox.size() >= 2) return;
    Process::Batch batch;
    batch.runs.resize(1 + below(random_, 12));
    const std::uint32_t n = p_->core.take(batch.runs.data(), static_cast<std::uint32_t>(batch.runs.size()));
    batch.runs.resize(n);
    if (n == 0) return;
    check_order(batch.runs.data(), n);
    inbox.push_back(std::move(batch));
}

void Simulator::work() {
    auto& inbox = p_->workers[below(random_, p_->workers.size())];
    if (inbox.empty()) return;
    const Process::Batch batch = std::move(inbox.front());
    inbox.pop_front();
    finish_batch(batch);
}

// As a worker does: all records to the producers first, then the messages are returned; reports may come in
// between.
void Simulator::finish_batch(const Process::Batch& batch) {
    struct Result {
        volley::delivery::Verdict verdict;
        std::uint32_t outputs;
        Reason reason;
    };
    std::vector<Result> results;
    std::vector<Chain> failed;
    const std::size_t first_record = p_->records.size();
    using V = volley::delivery::Verdict;
    for (const Run& run : batch.runs) {
        const int index = p_->delivered.at(p_->core.entry(run.slot).handle).message;
        Message& m = world_.messages[static_cast<std::size_t>(index)];
        results.push_back({V::ok, 0, 0});
        if (run.step == Step::dead_letter) {
            p_->records.push_back({run.slot, index, 0, true});
            continue;
        }
        if (run.step == Step::send_again) {
            for (auto& [output, again] : p_->failed[run.slot]) {
                if (again) p_->records.push_back({run.slot, index, output, false});
                again = false;
            }
            continue;
        }
        const bool chain_failed =
            run.chain != no_chain && std::find(failed.begin(), failed.end(), run.chain) != failed.end();
        if (chain_failed || chance(random_, trouble_ / 10)) {
            results.back().verdict = V::not_started;
        } else if (m.poison || m.failures_left > 0) {
            if (!m.poison) --m.failures_left;
            results.back() = {m.permanent ? V::fail : V::retry, 0, static_cast<Reason>(m.permanent ? 4 : 3)};
        } else if (m.unwanted) {
            results.back().verdict = V::drop;
            m.dropped = true;
        } else {
            p_->failed[run.slot].clear();
            results.back().outputs = static_cast<std::uint32_t>(m.outputs);
            for (int output = 0; output < m.outputs; ++output)
                p_->records.push_back({run.slot, index, output, false});
        }
        const bool stays = results.back().verdict != V::ok && results.back().verdict != V::drop;
        if (stays && run.chain != no_chain) failed.push_back(run.chain);
    }
    for (std::size_t i = p_->records.size(); i > first_record; --i) {
        if (chance(random_, 0.3)) report_one(i - 1);
    }
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
        if (batch.runs[i].step != Step::handle) continue;
        const Slot slot = batch.runs[i].slot;
        Message& m = message_of(slot);
        if (results[i].verdict == V::fail && options_.on_permanent == Last::drop) m.dropped = true;
        if (results[i].verdict == V::retry && options_.on_exhausted == Last::drop &&
            p_->core.entry(slot).attempt >= options_.max_attempts) {
            m.dropped = true;
        }
        const Millis wish = chance(random_, 0.2) ? Millis(below(random_, 500)) : Millis(0);
        p_->core.handled(slot, results[i].verdict, results[i].outputs, wish, results[i].reason, now_);
    }
}

void Simulator::report_one(std::size_t index) {
    const Process::Record r = p_->records[index];
    p_->records.erase(p_->records.begin() + static_cast<std::ptrdiff_t>(index));
    Message& m = world_.messages[static_cast<std::size_t>(r.message)];
    const bool fails = !healing_ && chance(random_, trouble_);
    // A failure that was none: it is stored, and the reply was lost.
    const bool stored = !fails || chance(random_, 0.3);
    const bool permanent = fails && !stored && options_.on_permanent != Last::stop && chance(random_, 0.1);
    if (stored) ++(r.dead ? m.dead : m.stored[static_cast<std::size_t>(r.output)]);
    if (r.dead) {
        if (fails)
            p_->core.dead_letter_failed(r.slot, SendFailure::transient, now_);
        else
            p_->core.dead_letter_confirmed(r.slot);
        return;
    }
    if (!fails) return p_->core.confirmed(r.slot, now_);
    if (permanent && options_.on_permanent == Last::drop) m.dropped = true;
    p_->failed[r.slot][r.output] = !permanent;
    p_->core.send_failed(r.slot, permanent ? SendFailure::permanent : SendFailure::transient, 7, now_);
}

void Simulator::settle() {
    std::vector<Settlement> settlements;
    p_->core.take_settlements(settlements);
    for (const Settlement& s : settlements) settle_one(s);
}

void Simulator::settle_one(const Settlement& s) {
    if (!healing_ && chance(random_, trouble_)) return p_->core.settle_again(s.slot, now_);
    const auto found = p_->delivered.find(s.handle);
    if (found == p_->delivered.end()) return fault("a delivery is settled twice");
    Message& m = world_.messages[static_cast<std::size_t>(found->second.message)];
    const bool lost = found->second.lost;
    if (s.outcome == Outcome::ack && !m.is_safe()) fault("acked before every output was confirmed");
    if (!world_.log && !lost) {
        if (s.outcome == Outcome::ack) m.deleted = true;
        m.taken = false;
    }
    p_->delivered.erase(found);
    p_->core.settled(s.slot, lost);
}

void Simulator::commit() {
    std::vector<Commit> commits;
    p_->core.take_commits(commits);
    for (const Commit& c : commits) {
        const auto a = std::find_if(p_->assigned.begin(), p_->assigned.end(),
                                    [&](const auto& x) { return x.lane == c.lane; });
        if (a == p_->assigned.end()) {
            fault("a commit for a lane that is gone");
            continue;
        }
        if (!healing_ && chance(random_, trouble_)) {
            p_->core.commit_again(c.lane);
            continue;
        }
        if (auto broken = world_.commit(a->partition, c.offset)) fault(*broken);
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
        if (!patient && n == 50) p_->core.abort();
        work();
        if (!p_->records.empty()) report_one(below(random_, p_->records.size()));
        now_ += Millis(5);
        p_->core.tick(now_);
        dispatch();
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
    switch (below(random_, 8)) {
        case 0:
            poll();
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

void Simulator::check_always() {
    const Counters& c = p_->core.counters();
    if (c.received != c.done + c.dead + c.dropped + c.requeued + c.abandoned + c.in_flight)
        fault("the audit does not add up");
    if (c.in_flight > options_.max_in_flight) fault("more in flight than max_in_flight");
}

bool Simulator::everything_is_safe() const {
    return std::all_of(world_.messages.begin(), world_.messages.end(),
                       [this](const Message& m) { return world_.log ? m.is_safe() : m.deleted; });
}

// No more faults: everything must come through.
void Simulator::heal() {
    healing_ = true;
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
    return verdict_;
}

}  // namespace

Verdict simulate(std::uint64_t seed) { return Simulator(seed).run(); }

}  // namespace simulation
