// How producers store records: the table, and the priorities. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "table.hpp"
#include "volley/view.hpp"

namespace volley::postgresql {

struct Priority {
    std::int32_t fixed = 0;
    std::string header;  // the name of the header that has it; empty: none

    // The integer of the header, if there is one; otherwise the fixed priority.
    std::int32_t of(const volley_record& record) const;
};

// How the messages of a queue are stored.
struct Writing {
    QueueTable table;
    Priority priority;
};

// One transaction may have records of several producers of a component: each registers here how it stores
// those of its queue. `writer` names component, database and queue.
void set_writing(const std::string& writer, const Writing& writing);
// Returns nothing if there is no such producer.
std::optional<Writing> writing_of(const std::string& writer);

}  // namespace volley::postgresql
