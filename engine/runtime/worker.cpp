#include "runtime/worker.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/dead_letter.hpp"
#include "runtime/decode.hpp"
#include "runtime/encode.hpp"
#include "runtime/identity.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

using delivery::Step;
using delivery::Verdict;
using delivery::WorkItem;

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
    records_.resize(pipeline_.output_queues.size() + 1);
    places_.resize(records_.size());
    thread_.start("worker-" + std::to_string(number_), [this] { run(); });
}

void Worker::give(std::vector<WorkItem>& batch) {
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
    std::vector<WorkItem> batch;
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

void Worker::run_batch(const std::vector<WorkItem>& batch) {
    const auto begin = monotonic();
    completions_.clear();
    for (auto& records : records_) records.clear();
    for (auto& places : places_) places.clear();
    std::size_t handled = 0;
    for (std::size_t i = 0; i < batch.size();) {
        if (i + fetched_ahead < batch.size()) pipeline_.contexts[batch[i + fetched_ahead].slot].fetch();
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
                const std::size_t count = messages_of_call(batch, i);
                handle_messages(&batch[i], count);
                i += count;
                handled += count;
                break;
        }
    }
    // Of the handling alone: a store that syncs once a batch would make each message of a small batch look
    // slow, and the batches would stay small.
    if (handled > 0) measure(monotonic() - begin, handled);
    // Returned as handled only now: a group may go on when its outputs were accepted, not before.
    produce_all();
    Completion idle;
    idle.kind = Completion::Kind::worker_idle;
    idle.slot = number_;
    idle.count = static_cast<std::uint32_t>(batch.size());
    completions_.push_back(idle);
    pipeline_.completions.push(completions_.data(), completions_.size());
}

// How many messages from `first` on may be in one call of the handler: no two of a group, unless it knows
// what to do with the second when the first fails.
std::size_t Worker::messages_of_call(const std::vector<WorkItem>& batch, std::size_t first) {
    ++call_number_;
    std::size_t end = first;
    for (; end < batch.size() && batch[end].step == Step::handle; ++end) {
        const delivery::OrderingGroup group = batch[end].group;
        if (group == delivery::no_group || pipeline_.keeps_groups) continue;
        if (last_call_of_group_.size() <= group) last_call_of_group_.resize(group + 1U, 0);
        if (last_call_of_group_[group] == call_number_) break;
        last_call_of_group_[group] = call_number_;
    }
    return end - first;
}

// Has a message before this one in its turn of the group failed, in this batch or one before?
bool Worker::group_failed(const WorkItem& item) const {
    return item.group < failed_turns_.size() && failed_turns_[item.group] == item.turn;
}

void Worker::handle_messages(const WorkItem* items, std::size_t count) {
    sound_.clear();
    // On a log a batch is carried through: what was left out of its middle could not be committed past.
    const bool stopping = pipeline_.is_cut_off();
    for (std::size_t i = 0; i < count; ++i) {
        const WorkItem& item = items[i];
        if (stopping || group_failed(item)) {
            give_back(item, {Verdict::not_started, 0, 0});
            continue;
        }
        MessageContext& context = pipeline_.contexts[item.slot];
        context.begin();
        const auto failure = decode(pipeline_, context);
        const std::uint32_t crashes = failure ? 0 : crashes_with(context);
        if (!failure && crashes == 0) {
            sound_.push_back(item);
            continue;
        }
        // What came before it in its group is handled before it is judged.
        call_handler();
        if (group_failed(item)) {
            give_back(item, {Verdict::not_started, 0, 0});
        } else if (failure) {
            refuse(item, *failure);
        } else {
            handle_suspect(item, crashes);
        }
    }
    call_handler();
}

// How often the process died with this message in its handler.
std::uint32_t Worker::crashes_with(MessageContext& context) const {
    if (!pipeline_.journal || !pipeline_.journal->has_suspects()) return 0;
    return pipeline_.journal->crashes(journal_name(pipeline_, context));
}

// A suspect is handled alone, and not at all after too many crashes.
void Worker::handle_suspect(const WorkItem& item, std::uint32_t crashes) {
    MessageContext& context = pipeline_.contexts[item.slot];
    if (crashes >= pipeline_.config.max_crashes) {
        context.explain(
            VOLLEY_REASON_CRASH_LOOP,
            "it was in the handler each of the " + std::to_string(crashes) + " times that the process died");
        give_back(item, {Verdict::fail, VOLLEY_REASON_CRASH_LOOP, 0});
        return;
    }
    const std::lock_guard alone(pipeline_.journal->turn());
    sound_.assign(1, item);
    call_handler();
    pipeline_.journal->acquit(journal_name(pipeline_, context));
}

// Hands the collected messages to the handler and takes them back.
void Worker::call_handler() {
    if (sound_.empty()) return;
    if (pipeline_.journal) {
        for (const WorkItem& item : sound_)
            pipeline_.journal->enter(number_, journal_name(pipeline_, pipeline_.contexts[item.slot]));
    }
    call_.handle(sound_.data(), sound_.size(), results_);
    if (call_.slot().has_problem()) tell_failure();
    if (pipeline_.journal) pipeline_.journal->leave(number_);
    for (std::size_t i = 0; i < sound_.size(); ++i) {
        if (group_failed(sound_[i])) {
            // A handler that does not keep its word about groups must not have its outputs overtake.
            pipeline_.contexts[sound_[i].slot].discard_outputs();
            give_back(sound_[i], {Verdict::not_started, 0, 0});
        } else if (results_[i].verdict == Verdict::ok) {
            hand_over(sound_[i]);
        } else {
            give_back(sound_[i], results_[i]);
        }
    }
    sound_.clear();
}

void Worker::forward(const WorkItem& item) {
    if (pipeline_.is_cut_off() || group_failed(item)) return give_back(item, {Verdict::not_started, 0, 0});
    MessageContext& context = pipeline_.contexts[item.slot];
    context.begin();
    codec::Parsed* const tree = pipeline_.keeps_tree ? &tree_ : nullptr;
    if (const auto failure = decode(pipeline_, context, tree)) return refuse(item, *failure);
    if (!context.encoded) {
        context.outputs.clear();
        for (const auto& output_queue : pipeline_.output_queues)
            add_forward(pipeline_, context, item.slot, output_queue->index);
        if (const auto failure = encode(pipeline_, context, tree)) return refuse(item, *failure);
    }
    send(item);
}

void Worker::hand_over(const WorkItem& item) {
    if (const auto failure = encode(pipeline_, pipeline_.contexts[item.slot])) return refuse(item, *failure);
    send(item);
}

// It can never be decoded, or encoded.
void Worker::refuse(const WorkItem& item, const codec::Failure& failure) {
    MessageContext& context = pipeline_.contexts[item.slot];
    context.discard_outputs();
    context.explain(failure.reason, failure.text);
    give_back(item, {Verdict::fail, failure.reason, 0});
}

// Its outputs go to the producers at the end of the batch.
void Worker::send(const WorkItem& item) {
    const MessageContext& context = pipeline_.contexts[item.slot];
    if (!pipeline_.transactions) {
        for (const Output& output : context.outputs) {
            records_[output.queue_index].push_back(output.record);
            places_[output.queue_index].push_back(static_cast<std::uint32_t>(completions_.size()));
        }
        collected_ += context.outputs.size();
    }
    Completion c;
    c.kind = Completion::Kind::handled;
    c.slot = item.slot;
    c.verdict = Verdict::ok;
    c.count = static_cast<std::uint32_t>(context.outputs.size());
    const std::size_t held = context.held();
    c.detail = static_cast<std::uint32_t>(std::min<std::size_t>(held - std::min(held, context.counted),
                                                                std::numeric_limits<std::uint32_t>::max()));
    completions_.push_back(c);
    constexpr std::size_t most_collected = 4096;
    if (collected_ > most_collected) produce_all();
}

void Worker::give_back(const WorkItem& item, const HandlerResult& result) {
    const bool over = result.verdict == Verdict::drop;
    if (!over && item.group != delivery::no_group) {
        if (failed_turns_.size() <= item.group) failed_turns_.resize(item.group + 1U, 0);
        failed_turns_[item.group] = item.turn;
    }
    Completion c;
    c.kind = Completion::Kind::handled;
    c.slot = item.slot;
    c.verdict = result.verdict;
    c.detail = result.reason;
    c.retry_after_ms =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(result.retry_after_ms, longest_retry_after_ms));
    completions_.push_back(c);
}

void Worker::send_again(const WorkItem& item) {
    for (Output& output : pipeline_.contexts[item.slot].outputs) {
        if (!output.failed) continue;
        output.failed = false;
        records_[output.queue_index].push_back(output.record);
        places_[output.queue_index].push_back(EarlyReports::none);
    }
}

void Worker::send_dead_letter(const WorkItem& item) {
    MessageContext& context = pipeline_.contexts[item.slot];
    records_.back().push_back(dead_letter(pipeline_, context, item.slot, item.attempt));
    places_.back().push_back(EarlyReports::none);
}

void Worker::produce_all() {
    collected_ = 0;
    for (const auto& output_queue : pipeline_.output_queues) produce_to(*output_queue, output_queue->index);
    if (pipeline_.dead_letters) produce_to(*pipeline_.dead_letters, records_.size() - 1);
}

// Said before it is asked whether to give up: either we see that, or the intake sees where we are.
void Worker::produce_to(OutputQueue& output_queue, std::size_t index) {
    std::vector<volley_record>& records = records_[index];
    std::vector<std::uint32_t>& places = places_[index];
    if (records.empty()) return;
    output_queue_in_use_.store(&output_queue);
    produce(output_queue, records.data(), records.size(), pipeline_.aborting, {places.data(), &completions_});
    output_queue_in_use_.store(nullptr, std::memory_order_release);
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
