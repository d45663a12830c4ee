// One commit of outputs and acks.
#pragma once

#include <cstdint>
#include <vector>

#include "delivery/types.hpp"
#include "volley/plugin.h"

namespace volley::runtime {

// How long a store may take to report the outcome of a transaction.
constexpr std::uint32_t transaction_timeout_ms = 10'000;

struct Transaction {
    std::vector<delivery::Slot> slots;
    std::vector<volley_record> records;
    std::vector<volley_settlement> acks;  // one per slot
};

// Returns the transaction in the form that a plugin takes. Borrows the transaction's records and acks.
inline volley_transaction call_of(Transaction& transaction) {
    volley_transaction call{};
    call.struct_size = sizeof call;
    call.record_size = sizeof(volley_record);
    call.records = transaction.records.data();
    call.record_count = static_cast<std::uint32_t>(transaction.records.size());
    call.settlements = transaction.acks.data();
    call.settlement_count = static_cast<std::uint32_t>(transaction.acks.size());
    call.settlement_size = sizeof(volley_settlement);
    call.timeout_ms = transaction_timeout_ms;
    return call;
}

}  // namespace volley::runtime
