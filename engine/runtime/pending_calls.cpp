#include "runtime/pending_calls.hpp"

#include <algorithm>

#include "invariant.hpp"

namespace volley::runtime {

void PendingCalls::begin(const Place* places, std::size_t count, std::uint32_t company, Nanoseconds now) {
    ++starts_;
    for (std::size_t i = 0; i < count; ++i) {
        const Place place = places[i];
        if (calls_.size() <= place) calls_.resize(place + 1U);
        VOLLEY_ASSERT(!calls_[place].is_pending);
        calls_[place] = {now, ++last_number_, starts_, company, true, false};
        order_.push_back({place, last_number_});
    }
    if (count_ == 0) note_oldest();
    count_ += static_cast<std::uint32_t>(count);
}

void PendingCalls::end(Place place) {
    PendingCall& call = calls_[place];
    VOLLEY_ASSERT(call.is_pending);
    call.is_pending = false;
    if (call.is_overdue) --overdue_;
    --count_;
    forget_ended();
}

std::vector<Place> PendingCalls::end_all() {
    std::vector<Place> places;
    for (Place place = 0; place < calls_.size(); ++place)
        if (calls_[place].is_pending) places.push_back(place);
    for (const Place place : places) end(place);
    std::sort(places.begin(), places.end(),
              [this](Place a, Place b) { return calls_[a].number < calls_[b].number; });
    return places;
}

bool PendingCalls::is_over(const Started& started) const {
    const PendingCall& call = calls_[started.place];
    return call.number != started.number || !call.is_pending || call.is_overdue;
}

// They leave the front, and from time to time the middle: one may take long.
void PendingCalls::forget_ended() {
    while (!order_.empty() && is_over(order_.front())) order_.pop_front();
    constexpr std::size_t few = 64;
    if (order_.size() > 2 * std::size_t{count_} + few) {
        order_.erase(
            std::remove_if(order_.begin(), order_.end(), [this](const Started& s) { return is_over(s); }),
            order_.end());
    }
    note_oldest();
}

void PendingCalls::note_oldest() {
    const Nanoseconds begin = order_.empty() ? Nanoseconds(0) : calls_[order_.front().place].begin;
    since_ms_.store(std::chrono::duration_cast<delivery::Millis>(begin).count(), std::memory_order_relaxed);
}

void PendingCalls::find_overdue(Nanoseconds allowed, Nanoseconds now) {
    forget_ended();
    if (allowed == Nanoseconds(0)) return;
    for (const Started& started : order_) {
        PendingCall& call = calls_[started.place];
        if (call.begin > now - allowed) break;
        if (is_over(started)) continue;
        call.is_overdue = true;
        ++overdue_;
    }
}

Nanoseconds PendingCalls::next_deadline(Nanoseconds allowed) const {
    if (allowed == Nanoseconds(0) || order_.empty()) return Nanoseconds::max();
    return calls_[order_.front().place].begin + allowed;
}

}  // namespace volley::runtime
