// A transaction as the plugin is handed it.
#pragma once

#include <vector>

#include "volley/plugin.h"

namespace volley::runtime {

// How long a store may take to say what became of one.
constexpr std::uint32_t transaction_timeout_ms = 10'000;

// Views of both.
inline volley_transaction call_of(const std::vector<volley_record>& records,
                                  std::vector<volley_settlement>& acks) {
    volley_transaction call{};
    call.struct_size = sizeof call;
    call.record_size = sizeof(volley_record);
    call.records = records.data();
    call.record_count = static_cast<std::uint32_t>(records.size());
    call.settlements = acks.data();
    call.settlement_count = static_cast<std::uint32_t>(acks.size());
    call.settlement_size = sizeof(volley_settlement);
    call.timeout_ms = transaction_timeout_ms;
    return call;
}

}  // namespace volley::runtime
