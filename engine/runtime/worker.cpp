#include "runtime/worker.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/dead_letter.hpp"
#include "runtime/decode.hpp"
#include "runtime/encode.hpp"
#include "runtime/identity.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

using delivery::Run;
using delivery::Step;
using delivery::Verdict;

namespace {

// Another core wrote the message; that takes about as long as so many others to fetch.
constexpr std::size_t fetched_ahead = 4;

// 30 days: a handler that asks for more has a wrong unit.
constexpr std::uint64_t longest_retry_after_ms = 30ULL * 24 * 60 * 60 * 1000;

}  // namespace

Worker::~Worker() {
    if (thread_.joinable()) {
        finish();
        thread_.join();
    }
}

void Worker::start() {
    records_.resize(pipeline_.ports.size() + 1);
    places_.resize(records_.size());
    thread_.start("worker-" + std::to_string(number_), [this] { run(); });
}

void Worker::give(std::vector<Run>& batch) {
    {
        const std::lock_guard lock(mutex_);
        inbox_.push_back(std::move(batch));
        batch.clear();
        if (!spare_.empty()) {
            batch = std::move(spare_.back());
            spare_.pop_back();
        }
    }
    given_.notify_one();
}

void Worker::finish(delivery::Millis close_timeout) {
    {
        const std::lock_guard lock(mutex_);
        finishing_ = true;
        close_timeout_ = close_timeout;
    }
    given_.notify_one();
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

void Worker::abandon() {
    if (thread_.joinable()) thread_.detach();
}

void Worker::run() {
    if (call_.open())
        say(Completion::Kind::worker_idle);
    else
        tell_failure();
    std::vector<Run> batch;
    delivery::Millis close_timeout{0};
    for (;;) {
        {
            std::unique_lock lock(mutex_);
            if (batch.capacity() > 0) {
                batch.clear();
                spare_.push_back(std::move(batch));
            }
            given_.wait(lock, [this] { return !inbox_.empty() || finishing_; });
            if (inbox_.empty()) {
                close_timeout = close_timeout_;
                break;
            }
            batch = std::move(inbox_.front());
            inbox_.pop_front();
        }
        run_batch(batch);
    }
    call_.close(static_cast<std::uint32_t>(close_timeout.count()));
    ended_.store(true, std::memory_order_release);
    pipeline_.completions.ring();
}

void Worker::say(Completion::Kind kind) {
    Completion c;
    c.kind = kind;
    c.slot = number_;
    pipeline_.completions.push(&c, 1);
}

// That there will never be a handler again, once. Without one the engine stops.
void Worker::tell_failure() {
    if (told_failure_) return;
    auto failure = call_.slot().failure();
    if (!failure) return;
    told_failure_ = true;
    failure_ = std::move(*failure);
    say(Completion::Kind::worker_failed);
}

void Worker::run_batch(const std::vector<Run>& batch) {
    const auto begin = monotonic();
    completions_.clear();
    for (auto& records : records_) records.clear();
    for (auto& places : places_) places.clear();
    std::size_t handled = 0;
    for (std::size_t i = 0; i < batch.size();) {
        if (i + fetched_ahead < batch.size()) pipeline_.works[batch[i + fetched_ahead].slot].fetch();
        switch (batch[i].step) {
            case Step::send_again:
                send_again(batch[i++]);
                break;
            case Step::dead_letter:
                send_dead_letter(batch[i++]);
                break;
            case Step::handle:
                if (pipeline_.is_forward()) {
                    forward(batch[i++]);
                    ++handled;
                    break;
                }
                const std::size_t count = group_from(batch, i);
                handle_group(&batch[i], count);
                i += count;
                handled += count;
                break;
        }
    }
    // Of the handling alone: a store that syncs once a batch would make each message of a small batch look
    // slow, and the batches would stay small.
    if (handled > 0) measure(monotonic() - begin, handled);
    // Returned as handled only now: a chain may go on when its outputs were accepted, not before.
    produce_all();
    Completion idle;
    idle.kind = Completion::Kind::worker_idle;
    idle.slot = number_;
    idle.count = static_cast<std::uint32_t>(batch.size());
    completions_.push_back(idle);
    pipeline_.completions.push(completions_.data(), completions_.size());
}

// How many messages from `first` on may be in one call of the handler: no two of a chain, unless it knows
// what to do with the second when the first fails.
std::size_t Worker::group_from(const std::vector<Run>& batch, std::size_t first) {
    ++group_;
    std::size_t end = first;
    for (; end < batch.size() && batch[end].step == Step::handle; ++end) {
        const delivery::Chain chain = batch[end].chain;
        if (chain == delivery::no_chain || pipeline_.keeps_chains) continue;
        if (chain_stamps_.size() <= chain) chain_stamps_.resize(chain + 1U, 0);
        if (chain_stamps_[chain] == group_) break;
        chain_stamps_[chain] = group_;
    }
    return end - first;
}

// Has a message before this one in its turn of the chain failed, in this batch or one before?
bool Worker::chain_failed(const Run& run) const {
    return run.chain < failed_turns_.size() && failed_turns_[run.chain] == run.turn;
}

void Worker::handle_group(const Run* runs, std::size_t count) {
    sound_.clear();
    // On a log a batch is carried through: what was left out of its middle could not be committed past.
    const bool stopping = pipeline_.is_cut_off();
    for (std::size_t i = 0; i < count; ++i) {
        const Run& run = runs[i];
        if (stopping || chain_failed(run)) {
            give_back(run, {Verdict::not_started, 0, 0});
            continue;
        }
        Work& work = pipeline_.works[run.slot];
        work.begin();
        const auto failure = decode(pipeline_, work);
        const std::uint32_t crashes = failure ? 0 : crashes_with(work);
        if (!failure && crashes == 0) {
            sound_.push_back(run);
            continue;
        }
        // What came before it in its chain is handled before it is judged.
        call_handler();
        if (chain_failed(run)) {
            give_back(run, {Verdict::not_started, 0, 0});
        } else if (failure) {
            refuse(run, *failure);
        } else {
            handle_suspect(run, crashes);
        }
    }
    call_handler();
}

// How often the process died with this message in its handler.
std::uint32_t Worker::crashes_with(Work& work) const {
    if (!pipeline_.journal || !pipeline_.journal->has_suspects()) return 0;
    return pipeline_.journal->crashes(journal_name(pipeline_, work));
}

// A suspect is handled alone, and not at all after too many crashes.
void Worker::handle_suspect(const Run& run, std::uint32_t crashes) {
    Work& work = pipeline_.works[run.slot];
    if (crashes >= pipeline_.config.max_crashes) {
        work.explain(VOLLEY_REASON_CRASH_LOOP, "it was in the handler each of the " +
                                                   std::to_string(crashes) + " times that the process died");
        give_back(run, {Verdict::fail, VOLLEY_REASON_CRASH_LOOP, 0});
        return;
    }
    const std::lock_guard alone(pipeline_.journal->turn());
    sound_.assign(1, run);
    call_handler();
    pipeline_.journal->acquit(journal_name(pipeline_, work));
}

// Hands the collected messages to the handler and takes them back.
void Worker::call_handler() {
    if (sound_.empty()) return;
    if (pipeline_.journal) {
        for (const Run& run : sound_)
            pipeline_.journal->enter(number_, journal_name(pipeline_, pipeline_.works[run.slot]));
    }
    call_.handle(sound_.data(), sound_.size(), handled_);
    if (call_.slot().is_in_trouble()) tell_failure();
    if (pipeline_.journal) pipeline_.journal->leave(number_);
    for (std::size_t i = 0; i < sound_.size(); ++i) {
        if (chain_failed(sound_[i])) {
            // A handler that does not keep its word about chains must not have its outputs overtake.
            pipeline_.works[sound_[i].slot].discard_outputs();
            give_back(sound_[i], {Verdict::not_started, 0, 0});
        } else if (handled_[i].verdict == Verdict::ok) {
            hand_over(sound_[i]);
        } else {
            give_back(sound_[i], handled_[i]);
        }
    }
    sound_.clear();
}

void Worker::forward(const Run& run) {
    if (pipeline_.is_cut_off() || chain_failed(run)) return give_back(run, {Verdict::not_started, 0, 0});
    Work& work = pipeline_.works[run.slot];
    work.begin();
    codec::Parsed* const tree = pipeline_.keeps_tree ? &tree_ : nullptr;
    if (const auto failure = decode(pipeline_, work, tree)) return refuse(run, *failure);
    if (!work.encoded) {
        work.outputs.clear();
        for (const auto& port : pipeline_.ports) add_forward(pipeline_, work, run.slot, port->index);
        if (const auto failure = encode(pipeline_, work, tree)) return refuse(run, *failure);
    }
    send(run);
}

void Worker::hand_over(const Run& run) {
    if (const auto failure = encode(pipeline_, pipeline_.works[run.slot])) return refuse(run, *failure);
    send(run);
}

// It can never be decoded, or encoded.
void Worker::refuse(const Run& run, const codec::Failure& failure) {
    Work& work = pipeline_.works[run.slot];
    work.discard_outputs();
    work.explain(failure.reason, failure.text);
    give_back(run, {Verdict::fail, failure.reason, 0});
}

// Its outputs go to the producers at the end of the batch.
void Worker::send(const Run& run) {
    const Work& work = pipeline_.works[run.slot];
    if (!pipeline_.transactions) {
        for (const Output& output : work.outputs) {
            records_[output.port].push_back(output.record);
            places_[output.port].push_back(static_cast<std::uint32_t>(completions_.size()));
        }
        collected_ += work.outputs.size();
    }
    Completion c;
    c.kind = Completion::Kind::handled;
    c.slot = run.slot;
    c.verdict = Verdict::ok;
    c.count = static_cast<std::uint32_t>(work.outputs.size());
    const std::size_t held = work.held();
    c.detail = static_cast<std::uint32_t>(std::min<std::size_t>(held - std::min(held, work.counted),
                                                                std::numeric_limits<std::uint32_t>::max()));
    completions_.push_back(c);
    constexpr std::size_t most_collected = 4096;
    if (collected_ > most_collected) produce_all();
}

void Worker::give_back(const Run& run, const Handled& result) {
    const bool over = result.verdict == Verdict::drop;
    if (!over && run.chain != delivery::no_chain) {
        if (failed_turns_.size() <= run.chain) failed_turns_.resize(run.chain + 1U, 0);
        failed_turns_[run.chain] = run.turn;
    }
    Completion c;
    c.kind = Completion::Kind::handled;
    c.slot = run.slot;
    c.verdict = result.verdict;
    c.detail = result.reason;
    c.retry_after_ms =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(result.retry_after_ms, longest_retry_after_ms));
    completions_.push_back(c);
}

void Worker::send_again(const Run& run) {
    for (Output& output : pipeline_.works[run.slot].outputs) {
        if (!output.failed) continue;
        output.failed = false;
        records_[output.port].push_back(output.record);
        places_[output.port].push_back(EarlyReports::none);
    }
}

void Worker::send_dead_letter(const Run& run) {
    Work& work = pipeline_.works[run.slot];
    records_.back().push_back(dead_letter(pipeline_, work, run.slot, run.attempt));
    places_.back().push_back(EarlyReports::none);
}

void Worker::produce_all() {
    collected_ = 0;
    for (const auto& port : pipeline_.ports) produce_to(*port, port->index);
    if (pipeline_.dead_letters) produce_to(*pipeline_.dead_letters, records_.size() - 1);
}

// Said before it is asked whether to give up: either we see that, or the intake sees where we are.
void Worker::produce_to(Port& port, std::size_t index) {
    std::vector<volley_record>& records = records_[index];
    std::vector<std::uint32_t>& places = places_[index];
    if (records.empty()) return;
    port_in_use_.store(&port);
    produce(port, records.data(), records.size(), pipeline_.aborting, {places.data(), &completions_});
    port_in_use_.store(nullptr, std::memory_order_release);
    constexpr std::size_t kept = 8192;
    records.clear();
    places.clear();
    if (records.capacity() > kept) std::vector<volley_record>().swap(records);
    if (places.capacity() > kept) std::vector<std::uint32_t>().swap(places);
}

// A moving average over about eight batches: how many messages make a batch of a few milliseconds.
void Worker::measure(Nanoseconds took, std::size_t count) {
    const auto each = static_cast<std::uint64_t>(took.count()) / count;
    const auto before = pipeline_.nanoseconds_per_message.load(std::memory_order_relaxed);
    pipeline_.nanoseconds_per_message.store((before * 7 + each) / 8, std::memory_order_relaxed);
}

}  // namespace volley::runtime
