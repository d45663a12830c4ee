// Records as rows. Thread: one at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "session.hpp"
#include "table.hpp"
#include "writing.hpp"

namespace volley::postgresql {

// A parameter of PostgreSQL is at most 1 GiB; several copies of a message pass through its memory.
constexpr std::size_t largest_record = 256u << 20;

// The size of the record in a statement, in bytes.
std::size_t size_of(const volley_record& record);

// Rows that one statement inserts.
class NewRows {
public:
    // `id` prevents a second row with the same id in the queue; absent: no deduplication.
    void add(const volley_record& record, volley_view id, std::int32_t priority);
    // Returns the message_id of each row that was stored; NULL if the table has none.
    Command insert_command(const QueueTable& table) const;
    // Throws Error{permanent} if the table cannot store them because one is delayed.
    void check(const QueueTable& table) const;
    // Whether one of them is visible immediately.
    bool is_news() const { return is_news_; }

private:
    Array keys_{Array::Of::bytes}, headers_{Array::Of::text}, bodies_{Array::Of::bytes},
        ids_{Array::Of::bytes};
    Array delays_{Array::Of::integers}, priorities_{Array::Of::small_integers}, created_{Array::Of::integers};
    bool is_news_ = false, has_delay_ = false, has_ids_ = false;
};

// The record stored under an id.
enum class Under { nothing, the_same, another };
Under find_under(Session& session, const QueueTable& table, const volley_record& record, volley_view id);

}  // namespace volley::postgresql
