#include "unconfirmed_ids.hpp"

namespace volley::rsmq {

namespace {

constexpr std::size_t max_ids = 100'000;

}  // namespace

std::optional<std::string> UnconfirmedIds::find(const volley_record& record) const {
    if (ids_.empty() || is_absent(record.id)) return std::nullopt;
    const auto found = ids_.find(std::string(volley::text_of(record.id)));
    if (found == ids_.end()) return std::nullopt;
    return found->second;
}

// If Redis refuses a command in the middle of the script, a part of the send remains: the id without its
// body. A refusal therefore also counts as unconfirmed.
void UnconfirmedIds::update(const volley_record& record, const std::string& id, std::int32_t status) {
    const bool is_unconfirmed =
        status == VOLLEY_E_UNKNOWN || status == VOLLEY_E_FATAL || status == VOLLEY_E_UNAUTHORIZED;
    if (is_absent(record.id) || (ids_.empty() && !is_unconfirmed)) return;
    std::string stable(volley::text_of(record.id));
    if (status == VOLLEY_OK) {
        ids_.erase(stable);
    } else if (is_unconfirmed && ids_.emplace(stable, id).second) {
        order_.push_back(std::move(stable));
        for (; order_.size() > max_ids; order_.pop_front()) ids_.erase(order_.front());
    }
    if (ids_.empty()) order_.clear();
}

}  // namespace volley::rsmq
