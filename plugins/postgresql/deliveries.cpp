#include "deliveries.hpp"

#include <algorithm>
#include <utility>

namespace volley::postgresql {

std::uint64_t Deliveries::add(std::string id, std::int64_t token, Page& page) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(deliveries_.size()));
        deliveries_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Delivery& d = deliveries_[index];
    d = {std::move(id), token, &page, d.generation + 1, false};
    ++page.open;
    return static_cast<std::uint64_t>(d.generation) << 32 | index;
}

Delivery* Deliveries::find(std::uint64_t handle) {
    const auto index = static_cast<std::uint32_t>(handle);
    if (index >= deliveries_.size()) return nullptr;
    Delivery& d = deliveries_[index];
    return d.page != nullptr && d.generation == handle >> 32 ? &d : nullptr;
}

void Deliveries::finish(std::uint64_t handle) {
    const auto index = static_cast<std::uint32_t>(handle);
    Delivery& d = deliveries_[index];
    if (--d.page->open == 0) d.page->clear();
    d.page = nullptr;
    free_.push_back(index);
}

std::vector<Delivery> Deliveries::open() const {
    std::vector<Delivery> out;
    std::copy_if(deliveries_.begin(), deliveries_.end(), std::back_inserter(out),
                 [](const Delivery& d) { return d.page != nullptr; });
    return out;
}

void Deliveries::clear() {
    free_.clear();
    for (std::uint32_t i = 0; i < deliveries_.size(); ++i) {
        deliveries_[i].page = nullptr;
        free_.push_back(i);
    }
    for (const auto& page : pages_) page->clear();
}

Page& Deliveries::empty_page() {
    const auto it =
        std::find_if(pages_.begin(), pages_.end(), [](const auto& page) { return page->open == 0; });
    return it != pages_.end() ? **it : *pages_.emplace_back(std::make_unique<Page>());
}

}  // namespace volley::postgresql
