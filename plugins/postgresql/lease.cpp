#include "lease.hpp"

#include "consumer.hpp"

namespace volley::postgresql {

namespace {

std::int32_t extend(volley_consumer* consumer, const std::uint64_t* handles, std::int32_t* results,
                    std::uint32_t count, std::uint32_t lease_ms, volley_error* error) {
    return detail::guard(
        error, [&] { detail::self<PostgresqlConsumer>(consumer).extend(handles, results, count, lease_ms); });
}

constexpr volley_ext_lease table{sizeof(volley_ext_lease), 0, &extend};

}  // namespace

const void* lease_table() { return &table; }

}  // namespace volley::postgresql
