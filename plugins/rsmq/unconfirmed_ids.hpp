// The ids of sends that Redis may have stored without a confirmation. A record that is sent again gets the
// same id, so that it is not stored twice while its message exists.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "volley/abi.hpp"

namespace volley::rsmq {

// Bounded: forgets the oldest. Used by one thread.
class UnconfirmedIds {
public:
    std::optional<std::string> find(const volley_record& record) const;
    // Records the status of a send under this id. Ignores a record without a stable id.
    void update(const volley_record& record, const std::string& id, std::int32_t status);

private:
    std::unordered_map<std::string, std::string> ids_;  // by the record's stable id
    std::deque<std::string> order_;                     // stable ids, oldest first
};

}  // namespace volley::rsmq
