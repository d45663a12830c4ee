#include "runtime/async_run.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "invariant.hpp"
#include "runtime/decode.hpp"
#include "runtime/message_span.hpp"
#include "runtime/suspect.hpp"

namespace volley::runtime {

using delivery::Verdict;
using delivery::WorkItem;

void AsyncRun::add(const WorkItem& item) {
    if (!batching_.is_on()) return waiting_.add({item});
    // No store has larger bodies, and a smaller struct makes room for more in each block of the queue.
    constexpr std::uint64_t largest = std::numeric_limits<std::uint32_t>::max();
    const std::uint64_t bytes =
        std::min<std::uint64_t>(pipeline_.contexts[item.slot].message.body.size, largest);
    waiting_.add({item, static_cast<std::uint32_t>(bytes), monotonic()});
}

std::uint32_t AsyncRun::pass() {
    over_ = 0;
    ended_.clear();
    calls_.take_ended(ended_);
    for (const EndedCall& ended : ended_) took(ended);
    start_waiting();
    return over_;
}

// ---- what has ended

void AsyncRun::took(const EndedCall& call) {
    MessageContext& context = pipeline_.contexts[started_[call.place].slot];
    if (pipeline_.journal) pipeline_.journal->leave(worker_, journal_name(pipeline_, context));
    batching_.ended(call.place);
    HandlerResult result = call.result;
    const bool was_alone = alone_.is_running(call.place);
    const bool is_suspect = was_alone && alone_.first().is_suspect;
    if (call.is_undecided) {
        if (!was_alone) return alone_.add(call.place, false);
        if (!alone_.instance_failed(call.is_charged)) {
            if (is_suspect) pipeline_.journal->turn().unlock();
            return;
        }
        result = failed(context, Verdict::retry, VOLLEY_REASON_CRASH, calls_.failure());
    }
    if (is_suspect) {
        if (result.verdict != Verdict::not_started)
            pipeline_.journal->acquit(journal_name(pipeline_, context));
        pipeline_.journal->turn().unlock();
    }
    if (was_alone) alone_.remove();
    end(call.place, result);
}

void AsyncRun::end(Place place, const HandlerResult& result) {
    concluded_.clear();
    started_.end(place, result, concluded_);
    for (const OrderedResult& ended : concluded_) conclude(ended);
    over_ += static_cast<std::uint32_t>(concluded_.size());
}

void AsyncRun::conclude(const OrderedResult& ended) {
    MessageContext& context = pipeline_.contexts[ended.item.slot];
    HandlerResult result = ended.result;
    if (results_.group_failed(ended.item)) {
        // A handler that does not keep its word about groups must not have its outputs overtake.
        context.discard_outputs();
        return results_.give_back(ended.item, {Verdict::not_started, 0, 0});
    }
    const bool may_skip =
        !pipeline_.in_process || pipeline_.is_cut_off() || context.lease_lost.load(std::memory_order_relaxed);
    if (result.was_skipped && !may_skip) {
        result = failed(context, Verdict::retry, VOLLEY_REASON_HANDLER_RETRY,
                        "the handler did not start it (VOLLEY_AGAIN), though nothing before it failed");
    }
    if (result.verdict == Verdict::ok) return results_.hand_over(ended.item);
    results_.give_back(ended.item, result);
}

// ---- what waits

void AsyncRun::start_waiting() {
    if (alone_.is_running()) return;
    if (!alone_.empty()) {
        // What was refused before it ran leaves room for the next.
        while (!alone_.empty() && calls_.pending().count() == 0 && !alone_.is_running()) start_alone();
        return;
    }
    // A batch waits until it is full, or its time is over; a message by itself does not wait.
    const bool is_last = pipeline_.stopping.load(std::memory_order_relaxed);
    if (batching_.is_on() &&
        !batching_.is_due(waiting_.size(), waiting_.bytes(), waiting_.oldest(), monotonic(), is_last))
        return;
    given_.bytes = 0;
    waiting_.begin_pass();
    while (const WaitingMessage* const next = waiting_.next()) {
        if (!alone_.empty() || !calls_.takes_more() || !has_room(next->bytes)) break;
        const Admission how = waiting_.is_blocked() ? Admission::blocked : admit(next->item);
        if (how == Admission::given) given_.bytes += next->bytes;
        if (how == Admission::blocked)
            waiting_.keep();
        else
            waiting_.take();
    }
    if (batching_.is_on() && !given_.places.empty()) batching_.begin(given_.places);
    give();
    if (!alone_.empty() && calls_.pending().count() == 0) start_alone();
}

// Whether the handler takes a message with so many bytes, beside those in given_. A child process reads
// ahead, so that it does not wait for the next message: of fast ones many.
bool AsyncRun::has_room(std::uint64_t bytes) const {
    if (batching_.is_on()) return batching_.takes(given_.items.size(), given_.bytes, bytes);
    const std::uint32_t ahead = pipeline_.in_process ? 0 : pipeline_.batch_limit() - 1;
    return calls_.pending().count() + given_.items.size() < pipeline_.config.concurrency + ahead;
}

AsyncRun::Admission AsyncRun::admit(const WorkItem& item) {
    const bool is_behind = started_.has(item.group);
    // On a log what was taken is carried through: what was left out of its middle could not be committed
    // past.
    if (pipeline_.is_cut_off() || results_.group_failed(item)) {
        if (is_behind) return Admission::blocked;
        results_.give_back(item, {Verdict::not_started, 0, 0});
        ++over_;
        return Admission::over;
    }
    if (is_behind && !pipeline_.keeps_groups) return Admission::blocked;
    MessageContext& context = pipeline_.contexts[item.slot];
    context.begin();
    begin_span(pipeline_, context);
    const auto failure = decode(pipeline_, context);
    const std::uint32_t crashes = failure ? 0 : crashes_with(pipeline_, context);
    if (failure || crashes > 0) {
        // What came before it in its group is handled before it is judged.
        if (is_behind) return Admission::blocked;
        if (failure) results_.refuse(item, *failure);
        if (failure || convict(pipeline_, item, crashes, results_)) {
            ++over_;
            return Admission::over;
        }
        alone_.add(started_.add(item), true);
        return Admission::alone;
    }
    given_.items.push_back(item);
    given_.places.push_back(started_.add(item));
    return Admission::given;
}

void AsyncRun::give() {
    if (given_.items.empty()) return;
    if (pipeline_.journal) {
        for (const WorkItem& item : given_.items)
            pipeline_.journal->enter(worker_, journal_name(pipeline_, pipeline_.contexts[item.slot]));
    }
    if (!calls_.start(given_.items.data(), given_.places.data(), given_.items.size())) {
        for (const Place place : given_.places) took({place, {}});
    }
    given_.items.clear();
    given_.places.clear();
}

// Starts the first of those that run alone.
void AsyncRun::start_alone() {
    const AloneMessage next = alone_.first();
    const WorkItem item = started_[next.place];
    if (pipeline_.is_cut_off() || results_.group_failed(item)) {
        alone_.remove();
        return end(next.place, {});
    }
    if (next.is_suspect) pipeline_.journal->turn().lock();
    alone_.start();
    given_.items.assign(1, item);
    given_.places.assign(1, next.place);
    give();
}

}  // namespace volley::runtime
