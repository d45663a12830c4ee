// The priorities of what producers send. Thread: any.
#pragma once

#include <cstdint>
#include <string>

#include "volley/view.hpp"

namespace volley::postgresql {

struct Priority {
    std::int32_t fixed = 0;
    std::string header;  // the name of the header that says it; empty: none

    // The header's whole number, if it has one; else the fixed one.
    std::int32_t of(const volley_record& record) const;
};

// One transaction may have records of several producers of a component: each tells here how it numbers those
// of its table. `writer` names component, database and table.
void set_priority(const std::string& writer, const Priority& priority);
Priority priority_of(const std::string& writer);

}  // namespace volley::postgresql
