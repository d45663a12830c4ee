// Acks, nacks and releases of a consumer's deliveries. Thread: one at a time.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "deliveries.hpp"
#include "session.hpp"
#include "table.hpp"

namespace volley::postgresql {

// Rows by id and the token of their claim.
struct ClaimedRows {
    explicit ClaimedRows(const QueueTable& table)
        : has_integer_ids(table.has_integer_ids),
          ids(has_integer_ids ? Array::Of::integers : Array::Of::text) {}
    void add(const Delivery& delivery);

    bool has_integer_ids;
    Array ids, tokens{Array::Of::integers};
    std::int64_t count = 0;
};

// Deletes the rows that still have this claim, or sets their status to `done`; returns their ids.
Command acknowledge_command(const QueueTable& table, const ClaimedRows& rows);
// The same, but fails with SQLSTATE 22012 unless all rows have it.
Command acknowledge_all_command(const QueueTable& table, const ClaimedRows& rows);
// Returns the ids of the rows that still have this claim.
Command still_claimed_command(const QueueTable& table, const ClaimedRows& rows);
// Returns the ids of the rows that are in the queue, whatever their claim.
Command still_there_command(const QueueTable& table, const ClaimedRows& rows);
// Makes the rows visible `lease_ms` from now; returns the ids of those that still have this claim.
Command extend_command(const QueueTable& table, const ClaimedRows& rows, std::int64_t lease_ms);

// Messages that are put back into the queue.
struct PutBacks {
    explicit PutBacks(const QueueTable& table) : rows(table) {}
    void add(const Delivery& delivery, std::uint64_t delay_ms, bool counts);
    ClaimedRows rows;
    Array delays{Array::Of::integers}, uncounted{Array::Of::integers};
};
// Returns the ids of the rows that still had this claim.
Command put_back_command(const QueueTable& table, const PutBacks& put_backs);

// The first column, {id_read}.
std::set<std::string> ids_of(const PGresult* rows);

// Limits the delay to a century.
std::int64_t cut_delay(std::uint64_t delay_ms);

}  // namespace volley::postgresql
