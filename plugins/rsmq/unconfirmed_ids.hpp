// The ids of sends that Redis may have stored without our knowing. A record that is sent again gets the same
// id, so that it is not stored twice while its message is there.
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
    // Notes the status of a send under this id. A record without a stable id is never noted.
    void update(const volley_record& record, const std::string& id, std::int32_t status);

private:
    std::unordered_map<std::string, std::string> ids_;  // by the record's stable id
    std::deque<std::string> order_;                     // stable ids, oldest first
};

}  // namespace volley::rsmq
