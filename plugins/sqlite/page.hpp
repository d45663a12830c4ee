// Rows of the table with their bytes, copied once out of SQLite and lent to a batch until each of its rows is
// settled. The memory is reused: in the steady state a page allocates nothing. Thread: one at a time.
#pragma once

#include <string>
#include <vector>

#include "connection.hpp"
#include "headers.hpp"

namespace volley::sqlite {

// The columns that Page::add reads, in this order.
#define VOLLEY_SQLITE_COLUMNS "id, key, headers, body, attempts, created"

class Page {
public:
    struct Row {
        std::int64_t id;
        std::uint32_t attempts;  // before this delivery
        std::int64_t created;
        volley_view key, body, text_id;  // after lend(): until then offsets
        std::size_t first_header;
        std::uint32_t header_count;
    };

    void clear();
    // Copies the current row of the statement. Returns its size in bytes.
    std::size_t add(const Statement& statement);
    // Fills the batch from its start; the views point into this page until clear().
    void lend(volley_batch& batch);

    const std::vector<Row>& rows() const { return rows_; }
    std::uint32_t open = 0;  // deliveries that are not settled: the consumer's count

private:
    volley_view store(volley_view bytes);
    volley_view resolved(volley_view offset) const;
    void add_headers(Row& row, volley_view json);

    std::vector<char> bytes_;
    std::vector<volley_header> headers_;
    std::vector<Row> rows_;
    std::vector<OwnedHeader> parsed_;
};

}  // namespace volley::sqlite
