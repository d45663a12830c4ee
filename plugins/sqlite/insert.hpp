// Records into the table, inside a transaction of the caller. Thread: one at a time.
#pragma once

#include <string>
#include <string_view>

#include "connection.hpp"

namespace volley::sqlite {

// Does the record's id keep a second one with the same id out of the queue?
enum class Repeats { dropped, impossible };

class Inserter {
public:
    explicit Inserter(Connection& connection);

    // Inserts into record.queue, else into `queue`. Returns VOLLEY_OK, also for a dropped repeat, or
    // VOLLEY_E_TOO_LARGE.
    std::int32_t insert(const volley_record& record, std::string_view queue, std::int64_t now,
                        Repeats repeats);

private:
    Statement statement_;
    std::size_t limit_;  // bytes of a row
    std::string headers_;
};

}  // namespace volley::sqlite
