#include "runtime/ordered_results.hpp"

namespace volley::runtime {

Place OrderedResults::take_place() {
    if (free_.empty()) {
        started_.emplace_back();
        return static_cast<Place>(started_.size() - 1);
    }
    const Place place = free_.back();
    free_.pop_back();
    return place;
}

Place OrderedResults::add(const delivery::WorkItem& item) {
    const Place place = take_place();
    Started& started = started_[place] = Started{};
    started.item = item;
    ++used_;
    if (item.group == delivery::no_group) return place;
    const auto [last, is_first] = last_of_.try_emplace(item.group, place);
    if (!is_first) {
        started.before = last->second;
        started_[last->second].after = place;
        last->second = place;
    }
    return place;
}

void OrderedResults::end(Place place, const HandlerResult& result, std::vector<OrderedResult>& out) {
    started_[place].result = result;
    started_[place].has_ended = true;
    while (place != none && started_[place].before == none && started_[place].has_ended) {
        out.push_back({started_[place].item, started_[place].result});
        const Place after = started_[place].after;
        remove(place);
        place = after;
    }
}

void OrderedResults::remove(Place place) {
    const Started& started = started_[place];
    if (started.after != none)
        started_[started.after].before = none;
    else if (started.item.group != delivery::no_group)
        last_of_.erase(started.item.group);
    free_.push_back(place);
    --used_;
}

}  // namespace volley::runtime
