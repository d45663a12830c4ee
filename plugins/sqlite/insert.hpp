// Inserts records into the table, inside a transaction of the caller. Thread: one at a time.
#pragma once

#include <string>
#include <string_view>

#include "connection.hpp"
#include "headers.hpp"

namespace volley::sqlite {

// Whether the record's id prevents a second record with the same id in the queue.
enum class Repeats { dropped, impossible };

enum class Inserted {
    stored,
    repeat,     // already stored: the same id and the same content
    conflict,   // stored under another id, because another message has its own
    too_large,  // over SQLite's limit for a row
    refused,    // by a constraint or a trigger of another program; refusal() has the reason
};

class Inserter {
public:
    explicit Inserter(Connection& connection);

    // Inserts into record.queue, or into `queue` if that is not set.
    Inserted insert(const volley_record& record, std::string_view queue, std::int64_t now, Repeats repeats);
    const std::string& refusal() const { return refusal_; }

private:
    bool store(volley_view id);
    Inserted store_beside_other(const volley_record& record, volley_view queue);
    bool is_there(const volley_record& record, volley_view queue, volley_view id);
    bool has_headers(const volley_record& record, volley_view stored);

    Connection& connection_;
    Statement statement_;
    Statement find_;
    std::size_t limit_;  // bytes of a row
    std::string headers_;
    std::string refusal_;
    bool found_ = false;  // is_there(): a row with that id
    std::vector<OwnedHeader> parsed_;
};

}  // namespace volley::sqlite
