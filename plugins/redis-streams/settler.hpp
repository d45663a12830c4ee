// Settles deliveries, and extends them. Redis takes each change only if the receipt still holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"
#include "deliveries.hpp"
#include "scripts.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

// Used by one thread.
class Settler {
public:
    // Borrows all.
    Settler(const Context& context, Connection& connection, Deliveries& deliveries)
        : context_(context), connection_(connection), deliveries_(deliveries) {}

    // As volley_consumer_class.settle. VOLLEY_E_LOST: the delivery is not open, or its receipt is out of
    // date. VOLLEY_E_RETRY: Redis could not be asked; the delivery stays open.
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    // Keeps the deliveries for so long from now. Sets the result of each: VOLLEY_OK or VOLLEY_E_LOST. Throws
    // as Connection::run.
    void extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                std::uint32_t lease_ms);
    // Makes everything that is pending for our consumer, and has no open delivery, available to all
    // consumers: what a reply that was lost has brought, or an earlier process of the same name has left.
    // Throws as Connection::run.
    void release_unknown();

private:
    struct Change {
        std::string_view id, count;
        const char* what;
        std::string ms;
    };
    static constexpr std::int64_t is_lost = 0, is_not_pending = -1, is_deleted = -2;

    void settle_batch(volley_settlement** settlements, std::size_t count);
    std::int32_t result_of(const Delivery& delivery, std::int64_t said);
    std::vector<std::int64_t> run(const std::vector<Change>& changes);

    const Context& context_;
    Connection& connection_;
    Deliveries& deliveries_;
    Script script_{settle_script};
    bool is_failing_ = false;  // the last settlement failed, and a warning said so
    bool has_told_of_groups_ = false;
    bool has_told_of_deletion_ = false;
};

}  // namespace volley::streams
