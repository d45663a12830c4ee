// Rows of a queue, lent to a batch until each of them is settled. The bytes stay in the client library's
// result. Thread: one at a time.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "session.hpp"
#include "sqlite/headers.hpp"

namespace volley::postgresql {

class Page {
public:
    // Takes ownership of the rows, which have the {columns} of table.hpp.
    void fill(Rows rows);
    std::uint32_t count() const { return static_cast<std::uint32_t>(ids_.size()); }
    const std::string& id(std::uint32_t row) const { return ids_[row]; }
    // Fills the batch from its start with the first rows; the views are valid until the next fill or clear.
    // `delivered`: this is a delivery, which the row already counts; otherwise the count is that of the next
    // delivery.
    void lend(volley_batch& batch, bool delivered);
    void clear();

    std::uint32_t open = 0;  // deliveries that are not settled: the owner's count

private:
    void add_headers(volley_view json);

    Rows rows_;
    std::vector<std::string> ids_;
    std::vector<volley_header> headers_;
    std::vector<std::size_t> header_ends_;          // of each row, in headers_
    std::deque<sqlite::OwnedHeader> header_texts_;  // what headers_ points to
    std::vector<sqlite::OwnedHeader> parsed_;
};

}  // namespace volley::postgresql
