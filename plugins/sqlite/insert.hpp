// Records into the table, inside a transaction of the caller. Thread: one at a time.
#pragma once

#include <string>
#include <string_view>

#include "connection.hpp"
#include "headers.hpp"

namespace volley::sqlite {

// Does the record's id keep a second one with the same id out of the queue?
enum class Repeats { dropped, impossible };

enum class Inserted {
    stored,
    repeat,     // it is there already: the same id, and the same content
    conflict,   // stored under another id, for its own is that of another message
    too_large,  // over SQLite's limit for a row
    refused,    // by a constraint or a trigger that another program made; refusal() says why
};

class Inserter {
public:
    explicit Inserter(Connection& connection);

    // Inserts into record.queue, else into `queue`.
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
