// What the runtime does around the core, in the simulation: consume, dispatch, handle, report, settle,
// commit.
#include <algorithm>

#include "simulation.hpp"

namespace simulation {

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
    in.bytes = static_cast<std::uint32_t>(below(random_, largest_body));
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
    if (e.state == State::uncommitted || e.state == State::committing) return true;
    return options_.pipelined && e.state == State::sending && e.outputs_failed == 0 && e.handled;
}

// What is handed out has nothing before it in its chain but what has passed, or what the same worker was
// given before.
void Simulator::check_order(const Run* runs, std::uint32_t count, const std::deque<Process::Batch>& inbox) {
    for (std::uint32_t i = 0; i < count; ++i) {
        if (runs[i].step != Step::handle) continue;
        const Entry& e = p_->core.entry(runs[i].slot);
        const auto& d = p_->delivered.at(e.handle);
        // The breaker spares messages whose attempts are used up.
        if (e.attempt > options_.max_attempts && !e.exhausted && options_.on_exhausted != Last::keep_trying &&
            options_.on_permanent != Last::keep_trying) {
            fault("more attempts than max_attempts");
        }
        const auto wish = p_->not_before.find(e.handle);
        if (wish != p_->not_before.end() && now_ < wish->second && !e.last_try)
            fault("a message is tried before its handler wished");
        if (d.chain == 0) continue;
        for (const auto& [handle, slot] : p_->chains[d.chain]) {
            if (handle == e.handle) break;
            const auto is_it = [s = slot](const Run& r) { return r.slot == s && r.step == Step::handle; };
            const bool before = std::any_of(runs, runs + i, is_it) ||
                                std::any_of(inbox.begin(), inbox.end(), [&](const Process::Batch& b) {
                                    return std::any_of(b.runs.begin(), b.runs.end(), is_it);
                                });
            if (!before && !has_passed(handle, slot))
                fault("a message overtakes or overlaps one of its chain");
        }
    }
}

// A handler succeeds only when those before it in its chain have: in this batch, or in one before.
void Simulator::check_handled(const std::vector<Run>& batch, std::size_t index) {
    const std::uint64_t own = p_->core.entry(batch[index].slot).handle;
    const std::uint64_t chain = p_->delivered.at(own).chain;
    if (chain == 0) return;
    for (const auto& [handle, slot] : p_->chains[chain]) {
        if (handle == own) return;
        const Entry& e = p_->core.entry(slot);
        if (e.handle != handle) continue;
        const bool in_batch = std::any_of(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(index),
                                          [s = slot](const Run& r) { return r.slot == s; });
        if (e.state == State::backing_off || e.state == State::waiting ||
            (e.state == State::running && !in_batch)) {
            fault("a handler runs before that of an earlier message of its chain has succeeded");
        }
    }
}

void Simulator::dispatch() {
    const auto worker = static_cast<std::uint32_t>(below(random_, p_->workers.size()));
    auto& inbox = p_->workers[worker];
    if (inbox.size() >= batches_ahead) return;
    Process::Batch batch;
    batch.runs.resize(1 + below(random_, largest_batch));
    const std::uint32_t n =
        p_->core.take(batch.runs.data(), static_cast<std::uint32_t>(batch.runs.size()), worker);
    batch.runs.resize(n);
    if (n == 0) return;
    // Counted now: take() first gives up what a revocation has orphaned, which makes room.
    const Counters& c = p_->core.counters();
    const std::uint64_t bound = options_.max_in_flight_bytes;
    const std::uint64_t for_outputs = std::max(bound - std::min(bound, c.in_flight_bytes), bound / 4 + 1);
    const bool outputs_fill_it = c.held_bytes >= for_outputs;
    if (outputs_fill_it && std::any_of(batch.runs.begin(), batch.runs.end(),
                                       [](const Run& r) { return r.step == Step::handle; }))
        fault("a handler starts though outputs fill max_in_flight_bytes");
    check_order(batch.runs.data(), n, inbox);
    inbox.push_back(std::move(batch));
}

void Simulator::work() {
    const std::size_t worker = below(random_, p_->workers.size());
    auto& inbox = p_->workers[worker];
    if (inbox.empty()) return;
    const Process::Batch batch = std::move(inbox.front());
    inbox.pop_front();
    finish_batch(batch, p_->failed_turns[worker]);
}

// As a worker does: all records to the producers first, then the messages are returned; reports may come in
// between.
void Simulator::finish_batch(const Process::Batch& batch, std::map<Chain, std::uint32_t>& failed_turns) {
    struct Result {
        volley::delivery::Verdict verdict;
        std::uint32_t outputs;
        Reason reason;
    };
    std::vector<Result> results;
    const std::size_t first_record = p_->records.size();
    using V = volley::delivery::Verdict;
    const bool outage = now_ < outage_ends_;
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
        const auto failed = failed_turns.find(run.chain);
        const bool chain_failed = failed != failed_turns.end() && failed->second == run.turn;
        if (chain_failed || chance(random_, trouble_ / 10)) {
            results.back().verdict = V::not_started;
        } else if (outage) {
            results.back() = {V::retry, 0, 3};
        } else if (m.poison || m.failures_left > 0) {
            if (!m.poison) --m.failures_left;
            results.back() = {m.permanent ? V::fail : V::retry, 0, static_cast<Reason>(m.permanent ? 4 : 3)};
        } else if (m.unwanted) {
            results.back().verdict = V::drop;
            m.dropped = true;
        } else {
            p_->failed[run.slot].clear();
            results.back().outputs = static_cast<std::uint32_t>(m.outputs);
            for (int output = 0; output < m.outputs && !transactions_; ++output)
                p_->records.push_back({run.slot, index, output, false});
        }
        const bool stays = results.back().verdict != V::ok && results.back().verdict != V::drop;
        if (stays && run.chain != no_chain) failed_turns[run.chain] = run.turn;
        if (!stays) check_handled(batch.runs, results.size() - 1);
    }
    for (std::size_t i = p_->records.size(); i > first_record; --i) {
        if (chance(random_, 0.3)) report_one(i - 1);
    }
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
        if (batch.runs[i].step != Step::handle) continue;
        const Slot slot = batch.runs[i].slot;
        Message& m = message_of(slot);
        if (p_->core.entry(slot).attempt == 1) m.first_tried_ms = now_.count();
        if (results[i].verdict == V::fail && options_.on_permanent == Last::drop) m.dropped = true;
        if (results[i].verdict == V::retry && options_.on_exhausted == Last::drop &&
            p_->core.entry(slot).attempt >= options_.max_attempts) {
            m.dropped = true;
        }
        const Millis wish = chance(random_, 0.2) ? Millis(below(random_, 500)) : Millis(0);
        const std::uint64_t held = results[i].verdict == V::ok ? m.output_bytes : 0;
        p_->core.handled(slot, results[i].verdict, results[i].outputs, held, wish, results[i].reason, now_);
        const State state = p_->core.entry(slot).state;
        if (state == State::backing_off) p_->not_before[p_->core.entry(slot).handle] = now_ + wish;
        const bool given_up = state == State::dead_letter_queued || state == State::settling;
        if (results[i].verdict == V::retry && given_up && outage && options_.on_exhausted != Last::requeue &&
            p_->core.entry(slot).outcome != Outcome::leave && m.first_tried_ms > outage_began_.count()) {
            ++given_up_;
        }
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
    if (stored && r.dead) ++m.dead;
    if (stored && !r.dead) store(r.message, r.output);
    const SendFailure kind = stored ? SendFailure::unknown : SendFailure::transient;
    if (r.dead) {
        if (fails)
            p_->core.dead_letter_failed(r.slot, kind, now_);
        else
            p_->core.dead_letter_confirmed(r.slot);
        return;
    }
    const auto output = static_cast<std::uint32_t>(r.output);
    if (!fails) {
        const std::uint16_t life = p_->core.entry(r.slot).life;
        if (!p_->core.confirmed(r.slot, life, output, now_)) fault("a report that is due is not believed");
        // A connector that reports twice.
        if (p_->core.confirmed(r.slot, life, output, now_)) fault("a second report of an output counts");
        return;
    }
    if (permanent && options_.on_permanent == Last::drop) m.dropped = true;
    p_->failed[r.slot][r.output] = !permanent;
    if (!p_->core.send_failed(r.slot, output, permanent ? SendFailure::permanent : kind, 7, now_))
        fault("a report that is due is not believed");
}

void Simulator::store(int message, int output) {
    check_first(message, output);
    ++world_.messages[static_cast<std::size_t>(message)].stored[static_cast<std::size_t>(output)];
}

// The first copy of an output comes after the first copies of those before it in its chain, whatever crashed
// in between. Not for queues, which give back in another order, and not where order is the producers' affair.
void Simulator::check_first(int message, int output) {
    const Message& m = world_.messages[static_cast<std::size_t>(message)];
    if (!world_.log || options_.pipelined || options_.order == Order::none) return;
    if (options_.order == Order::key && m.key == 0) return;
    for (const int index : world_.partitions[static_cast<std::size_t>(m.partition)]) {
        if (index == message) return;
        const Message& before = world_.messages[static_cast<std::size_t>(index)];
        if (options_.order == Order::key && before.key != m.key) continue;
        if (before.outputs <= output || before.dead > 0 || before.dropped) continue;
        if (before.stored[static_cast<std::size_t>(output)] == 0)
            fault("an output is stored before that of an earlier message of its chain");
    }
}

// As the intake does: the same messages are tried until the outcome is known.
void Simulator::transact() {
    auto& tried = p_->transaction;
    if (!transactions_) return;
    if (tried.empty()) p_->core.take_transaction(tried, 1 + below(random_, 10));
    if (tried.empty()) return;
    if (!p_->transaction_done) {
        if (!healing_ && chance(random_, trouble_)) return;  // nothing happened
        const auto lost = [this](Slot slot) { return p_->delivered.at(p_->core.entry(slot).handle).lost; };
        const auto first_lost = std::find_if(tried.begin(), tried.end(), lost);
        if (first_lost != tried.end()) {
            const Slot slot = *first_lost;
            tried.erase(first_lost);
            return p_->core.transaction_lost(slot);
        }
        if (!healing_ && chance(random_, trouble_ / 5) && options_.on_permanent == Last::dead_letter) {
            const Slot slot = tried.front();
            tried.erase(tried.begin());
            return p_->core.transaction_refused(slot, 7, now_);
        }
        for (const Slot slot : tried) {
            Message& m = message_of(slot);
            for (int output = 0; output < m.outputs; ++output)
                store(p_->delivered.at(p_->core.entry(slot).handle).message, output);
            if (m.deleted) fault("a message is acked twice");
            m.deleted = true;
        }
        p_->transaction_done = true;
    }
    if (!healing_ && chance(random_, trouble_)) return;  // the reply is lost
    for (const Slot slot : tried) {
        p_->delivered.erase(p_->core.entry(slot).handle);
        p_->core.transacted(slot);
    }
    tried.clear();
    p_->transaction_done = false;
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

}  // namespace simulation
