#include "runtime/async_run.hpp"

#include <algorithm>
#include <utility>

#include "invariant.hpp"
#include "runtime/decode.hpp"
#include "runtime/message_span.hpp"
#include "runtime/suspect.hpp"

namespace volley::runtime {

using delivery::OrderingGroup;
using delivery::Verdict;
using delivery::WorkItem;

namespace {

// How far to look past messages whose groups are busy.
constexpr std::size_t looked_at = 256;

}  // namespace

void AsyncRun::add(const WorkItem& item) {
    if (!batching_.is_on()) return waiting_.push_back({item, Nanoseconds(0)});
    waiting_.push_back({item, monotonic()});
    waiting_bytes_ += pipeline_.contexts[item.slot].message.body.size;
}

std::uint32_t AsyncRun::pass() {
    over_ = 0;
    taken_.clear();
    calls_.take_ended(taken_);
    for (const EndedCall& ended : taken_) took(ended);
    start_waiting();
    return over_;
}

// ---- flights

Place AsyncRun::board(const WorkItem& item) {
    Place place;
    if (free_.empty()) {
        place = static_cast<Place>(flights_.size());
        flights_.emplace_back();
    } else {
        place = free_.back();
        free_.pop_back();
    }
    Flight& flight = flights_[place] = Flight{};
    flight.item = item;
    ++used_;
    if (item.group == delivery::no_group) return place;
    const auto [last, is_first] = last_of_.try_emplace(item.group, place);
    if (!is_first) {
        flight.before = last->second;
        flights_[last->second].after = place;
        last->second = place;
    }
    return place;
}

void AsyncRun::disembark(Place place) {
    const Flight& flight = flights_[place];
    if (flight.after != none)
        flights_[flight.after].before = none;
    else if (flight.item.group != delivery::no_group)
        last_of_.erase(flight.item.group);
    free_.push_back(place);
    --used_;
    ++over_;
}

bool AsyncRun::is_in_flight(OrderingGroup group) const {
    return group != delivery::no_group && last_of_.count(group) > 0;
}

// ---- what has ended

void AsyncRun::took(const EndedCall& call) {
    Flight& flight = flights_[call.place];
    MessageContext& context = pipeline_.contexts[flight.item.slot];
    if (pipeline_.journal) pipeline_.journal->leave(worker_, journal_name(pipeline_, context));
    if (flight.batch != 0) batching_.ended(std::exchange(flight.batch, 0));
    HandlerResult result = call.result;
    const bool was_alone = is_alone_running_ && alone_.front().place == call.place;
    if (call.is_undecided) {
        if (!was_alone) return alone_.push_back({call.place, false, false});
        if (!alone_.front().again && !call.is_charged) {
            alone_.front().again = true;
            is_alone_running_ = false;
            if (alone_.front().is_suspect) pipeline_.journal->turn().unlock();
            return;
        }
        result = failed(context, Verdict::retry, VOLLEY_REASON_CRASH, calls_.failure());
    }
    if (was_alone) {
        is_alone_running_ = false;
        if (alone_.front().is_suspect) {
            if (result.verdict != Verdict::not_started)
                pipeline_.journal->acquit(journal_name(pipeline_, context));
            pipeline_.journal->turn().unlock();
        }
        alone_.pop_front();
    }
    ended(call.place, result);
}

// Messages of a group are concluded in order, in whichever order they end.
void AsyncRun::ended(Place place, const HandlerResult& result) {
    flights_[place].result = result;
    flights_[place].has_ended = true;
    while (place != none && flights_[place].before == none && flights_[place].has_ended) {
        conclude(flights_[place]);
        const Place after = flights_[place].after;
        disembark(place);
        place = after;
    }
}

void AsyncRun::conclude(const Flight& flight) {
    MessageContext& context = pipeline_.contexts[flight.item.slot];
    HandlerResult result = flight.result;
    if (results_.group_failed(flight.item)) {
        // A handler that does not keep its word about groups must not have its outputs overtake.
        context.discard_outputs();
        return results_.give_back(flight.item, {Verdict::not_started, 0, 0});
    }
    const bool may_skip =
        !pipeline_.in_process || pipeline_.is_cut_off() || context.lease_lost.load(std::memory_order_relaxed);
    if (result.was_skipped && !may_skip) {
        result = failed(context, Verdict::retry, VOLLEY_REASON_HANDLER_RETRY,
                        "the handler did not start it (VOLLEY_AGAIN), though nothing before it failed");
    }
    if (result.verdict == Verdict::ok) return results_.hand_over(flight.item);
    results_.give_back(flight.item, result);
}

// ---- what waits

// A child process reads ahead, so that it does not wait for the next message: of fast ones many.
std::uint32_t AsyncRun::window() const {
    return pipeline_.config.concurrency + (pipeline_.in_process ? 0 : pipeline_.batch_limit() - 1);
}

// A batch waits until it is full, or its time is over; a message by itself does not wait.
bool AsyncRun::is_time_to_start() {
    if (!batching_.is_on()) return true;
    const Nanoseconds oldest = waiting_.empty() ? Nanoseconds(0) : waiting_.front().since;
    return batching_.is_due(waiting_.size(), waiting_bytes_, oldest, monotonic(),
                            pipeline_.stopping.load(std::memory_order_relaxed));
}

// Whether the handler takes a message with so many bytes, beside those in given_.
bool AsyncRun::has_room(std::uint64_t bytes) const {
    if (batching_.is_on()) return batching_.takes(given_.size(), given_bytes_, bytes);
    return calls_.pending().count() + given_.size() < window();
}

void AsyncRun::start_waiting() {
    if (is_alone_running_) return;
    if (!alone_.empty()) {
        // What was refused before it ran leaves room for the next.
        while (!alone_.empty() && calls_.pending().count() == 0 && !is_alone_running_) start_alone();
        return;
    }
    if (!is_time_to_start()) return;
    std::size_t kept = 0;
    blocked_.clear();
    given_bytes_ = 0;
    while (kept < waiting_.size() && kept < looked_at && alone_.empty() && calls_.takes_more()) {
        const WorkItem item = waiting_[kept].item;
        const std::uint64_t bytes =
            batching_.is_on() ? pipeline_.contexts[item.slot].message.body.size : std::uint64_t{0};
        if (!has_room(bytes)) break;
        const Admission how = admit(item);
        if (how == Admission::blocked) {
            // Nothing may overtake it.
            blocked_.push_back(item.group);
            ++kept;
            continue;
        }
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(kept));
        if (!batching_.is_on()) continue;
        waiting_bytes_ -= bytes;
        if (how == Admission::given) given_bytes_ += bytes;
    }
    if (batching_.is_on() && !given_.empty()) {
        const std::uint32_t batch = batching_.begin(static_cast<std::uint32_t>(given_.size()));
        for (const Place place : given_places_) flights_[place].batch = batch;
    }
    give();
    if (!alone_.empty() && calls_.pending().count() == 0) start_alone();
}

AsyncRun::Admission AsyncRun::admit(const WorkItem& item) {
    if (std::find(blocked_.begin(), blocked_.end(), item.group) != blocked_.end()) return Admission::blocked;
    // On a log what was taken is carried through: what was left out of its middle could not be committed
    // past.
    if (pipeline_.is_cut_off() || results_.group_failed(item)) {
        if (is_in_flight(item.group)) return Admission::blocked;
        results_.give_back(item, {Verdict::not_started, 0, 0});
        ++over_;
        return Admission::over;
    }
    const bool in_flight = is_in_flight(item.group);
    if (in_flight && !pipeline_.keeps_groups) return Admission::blocked;
    MessageContext& context = pipeline_.contexts[item.slot];
    context.begin();
    begin_span(pipeline_, context);
    const auto failure = decode(pipeline_, context);
    const std::uint32_t crashes = failure ? 0 : crashes_with(pipeline_, context);
    if (failure || crashes > 0) {
        // What came before it in its group is handled before it is judged.
        if (in_flight) return Admission::blocked;
        if (failure) results_.refuse(item, *failure);
        if (failure || convict(pipeline_, item, crashes, results_)) {
            ++over_;
            return Admission::over;
        }
        alone_.push_back({board(item), false, true});
        return Admission::alone;
    }
    given_.push_back(item);
    given_places_.push_back(board(item));
    return Admission::given;
}

void AsyncRun::give() {
    if (given_.empty()) return;
    if (pipeline_.journal) {
        for (const WorkItem& item : given_)
            pipeline_.journal->enter(worker_, journal_name(pipeline_, pipeline_.contexts[item.slot]));
    }
    if (!calls_.start(given_.data(), given_places_.data(), given_.size())) {
        for (const Place place : given_places_) took({place, {}});
    }
    given_.clear();
    given_places_.clear();
}

// Starts the first of those that run alone.
bool AsyncRun::start_alone() {
    Alone& next = alone_.front();
    const WorkItem item = flights_[next.place].item;
    if (pipeline_.is_cut_off() || results_.group_failed(item)) {
        const Place place = next.place;
        alone_.pop_front();
        ended(place, {});
        return false;
    }
    if (next.is_suspect) pipeline_.journal->turn().lock();
    is_alone_running_ = true;
    given_.assign(1, item);
    given_places_.assign(1, next.place);
    give();
    return true;
}

}  // namespace volley::runtime
