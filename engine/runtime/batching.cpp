#include "runtime/batching.hpp"

#include <utility>

#include "invariant.hpp"

namespace volley::runtime {

bool Batching::is_due(std::size_t messages, std::uint64_t bytes, Nanoseconds oldest, Nanoseconds now,
                      bool is_last) {
    due_ = Nanoseconds::max();
    if (messages == 0 || open_.size() >= most_open_) return false;
    if (is_last || messages >= config_->max_messages || bytes >= config_->max_bytes) return true;
    const Nanoseconds full_at = oldest + config_->max_wait;
    if (full_at <= now) return true;
    due_ = full_at;
    return false;
}

bool Batching::takes(std::size_t messages, std::uint64_t bytes, std::uint64_t more) const {
    return messages == 0 || (messages < config_->max_messages && bytes + more <= config_->max_bytes);
}

void Batching::begin(const std::vector<Place>& places) {
    VOLLEY_ASSERT(!places.empty());
    if (++last_ == 0) ++last_;
    open_[last_] = static_cast<std::uint32_t>(places.size());
    for (const Place place : places) {
        if (batch_of_.size() <= place) batch_of_.resize(place + 1U, 0);
        batch_of_[place] = last_;
    }
}

void Batching::ended(Place place) {
    if (place >= batch_of_.size() || batch_of_[place] == 0) return;
    const auto found = open_.find(std::exchange(batch_of_[place], 0));
    VOLLEY_ASSERT(found != open_.end());
    if (--found->second == 0) open_.erase(found);
}

}  // namespace volley::runtime
