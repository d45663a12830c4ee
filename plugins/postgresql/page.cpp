#include "page.hpp"

#include <algorithm>

namespace volley::postgresql {

void Page::clear() {
    rows_.reset();
    ids_.clear();
    headers_.clear();
    header_ends_.clear();
    header_texts_.clear();
    open = 0;
}

void Page::fill(Rows rows) {
    clear();
    rows_ = std::move(rows);
    const int count = PQntuples(rows_.get());
    for (int row = 0; row < count; ++row) {
        ids_.push_back(id_at(rows_.get(), row));
        add_headers(bytes(rows_.get(), row, 2));
        header_ends_.push_back(headers_.size());
    }
}

void Page::add_headers(volley_view json) {
    if (is_absent(json)) return;
    if (!sqlite::read_headers(text_of(json), parsed_)) {
        // Another program wrote something else there. It is preserved as one header.
        parsed_.assign(1, sqlite::OwnedHeader{"headers", std::string(text_of(json)), false});
    }
    for (sqlite::OwnedHeader& parsed : parsed_) {
        const sqlite::OwnedHeader& h = header_texts_.emplace_back(std::move(parsed));
        headers_.push_back({view_of(h.name), h.absent ? volley_view{} : view_of(h.value)});
    }
}

void Page::lend(volley_batch& batch, bool delivered) {
    constexpr std::int64_t most_attempts = 1 << 30;
    batch.count = std::min(count(), batch.capacity);
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        const int row = static_cast<int>(i);
        volley_message& m = element(batch.messages, batch.message_size, i);
        m.id = view_of(ids_[i]);
        m.key = bytes(rows_.get(), row, 1);
        m.body = bytes(rows_.get(), row, 3);
        const std::size_t first = i == 0 ? 0 : header_ends_[i - 1];
        m.header_count = static_cast<std::uint32_t>(header_ends_[i] - first);
        m.headers = m.header_count > 0 ? headers_.data() + first : nullptr;
        const std::int64_t attempts = integer(rows_.get(), row, 4);
        m.delivery_count = static_cast<std::uint32_t>(std::clamp<std::int64_t>(attempts, 0, most_attempts));
        if (attempts >= 0 && !delivered) ++m.delivery_count;
        m.timestamp_ms = integer(rows_.get(), row, 5);
    }
}

}  // namespace volley::postgresql
