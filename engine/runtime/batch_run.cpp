#include "runtime/batch_run.hpp"

#include "runtime/decode.hpp"
#include "runtime/encode.hpp"
#include "runtime/message_span.hpp"
#include "runtime/suspect.hpp"

namespace volley::runtime {

using delivery::Step;
using delivery::Verdict;
using delivery::WorkItem;

namespace {

// Another core wrote the message; that takes about as long as so many others to fetch.
constexpr std::size_t fetched_ahead = 4;

}  // namespace

void BatchRun::run(const std::vector<WorkItem>& batch) {
    const auto begin = monotonic();
    results_.begin_pass();
    std::size_t handled = 0;
    for (std::size_t i = 0; i < batch.size();) {
        if (i + fetched_ahead < batch.size()) pipeline_.contexts[batch[i + fetched_ahead].slot].fetch();
        switch (batch[i].step) {
            case Step::send_again:
                results_.send_again(batch[i++]);
                break;
            case Step::dead_letter:
                results_.send_dead_letter(batch[i++]);
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
    results_.end_pass(static_cast<std::uint32_t>(batch.size()));
}

// How many messages from `first` on may be in one call of the handler: no two of a group, unless it knows
// what to do with the second when the first fails.
std::size_t BatchRun::messages_of_call(const std::vector<WorkItem>& batch, std::size_t first) {
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

void BatchRun::handle_messages(const WorkItem* items, std::size_t count) {
    sound_.clear();
    // On a log a batch is carried through: what was left out of its middle could not be committed past.
    const bool stopping = pipeline_.is_cut_off();
    for (std::size_t i = 0; i < count; ++i) {
        const WorkItem& item = items[i];
        if (stopping || results_.group_failed(item)) {
            results_.give_back(item, {Verdict::not_started, 0, 0});
            continue;
        }
        MessageContext& context = pipeline_.contexts[item.slot];
        context.begin();
        begin_span(pipeline_, context);
        const auto failure = decode(pipeline_, context);
        const std::uint32_t crashes = failure ? 0 : crashes_with(pipeline_, context);
        if (!failure && crashes == 0) {
            sound_.push_back(item);
            continue;
        }
        // What came before it in its group is handled before it is judged.
        call_handler();
        if (results_.group_failed(item)) {
            results_.give_back(item, {Verdict::not_started, 0, 0});
        } else if (failure) {
            results_.refuse(item, *failure);
        } else {
            handle_suspect(item, crashes);
        }
    }
    call_handler();
}

// A suspect is handled alone, and not at all after too many crashes.
void BatchRun::handle_suspect(const WorkItem& item, std::uint32_t crashes) {
    if (convict(pipeline_, item, crashes, results_)) return;
    const std::lock_guard alone(pipeline_.journal->turn());
    sound_.assign(1, item);
    call_handler();
    pipeline_.journal->acquit(journal_name(pipeline_, pipeline_.contexts[item.slot]));
}

// Hands the collected messages to the handler and takes them back.
void BatchRun::call_handler() {
    if (sound_.empty()) return;
    if (pipeline_.journal) {
        for (const WorkItem& item : sound_)
            pipeline_.journal->enter(worker_, journal_name(pipeline_, pipeline_.contexts[item.slot]));
    }
    call_.handle(sound_.data(), sound_.size(), handled_);
    if (pipeline_.journal) pipeline_.journal->leave(worker_);
    for (std::size_t i = 0; i < sound_.size(); ++i) {
        if (results_.group_failed(sound_[i])) {
            // A handler that does not keep its word about groups must not have its outputs overtake.
            pipeline_.contexts[sound_[i].slot].discard_outputs();
            results_.give_back(sound_[i], {Verdict::not_started, 0, 0});
        } else if (handled_[i].verdict == Verdict::ok) {
            results_.hand_over(sound_[i]);
        } else {
            results_.give_back(sound_[i], handled_[i]);
        }
    }
    sound_.clear();
}

void BatchRun::forward(const WorkItem& item) {
    if (pipeline_.is_cut_off() || results_.group_failed(item))
        return results_.give_back(item, {Verdict::not_started, 0, 0});
    MessageContext& context = pipeline_.contexts[item.slot];
    context.begin();
    // What was encoded when the key was looked up has its context already.
    if (context.encoded)
        resume_span(pipeline_, context);
    else
        begin_span(pipeline_, context);
    codec::Parsed* const tree = pipeline_.keeps_tree ? &tree_ : nullptr;
    if (const auto failure = decode(pipeline_, context, tree)) return results_.refuse(item, *failure);
    if (!context.encoded) {
        context.outputs.clear();
        for (const auto& output_queue : pipeline_.output_queues)
            add_forward(pipeline_, context, item.slot, output_queue->index);
        if (const auto failure = encode(pipeline_, context, tree)) return results_.refuse(item, *failure);
    }
    results_.send(item);
}

// A moving average over about eight batches: how many messages make a batch of a few milliseconds.
void BatchRun::measure(Nanoseconds took, std::size_t count) {
    const auto each = static_cast<std::uint64_t>(took.count()) / count;
    const auto before = pipeline_.nanoseconds_per_message.load(std::memory_order_relaxed);
    pipeline_.nanoseconds_per_message.store((before * 7 + each) / 8, std::memory_order_relaxed);
}

}  // namespace volley::runtime
