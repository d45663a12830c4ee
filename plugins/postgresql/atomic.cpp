#include "atomic.hpp"

#include "consumer.hpp"
#include "producer.hpp"

namespace volley::postgresql {

namespace {

using detail::guard;
using detail::self;

std::int32_t joins(volley_producer* producer, volley_consumer* consumer) {
    std::int32_t same = 0;
    const std::int32_t status = guard(nullptr, [&] {
        same = self<PostgresqlProducer>(producer).joins(self<PostgresqlConsumer>(consumer)) ? 1 : 0;
    });
    return status == VOLLEY_OK ? same : 0;
}

std::int32_t commit(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction,
                    volley_error* error) {
    const std::int32_t status = guard(error, [&] {
        return self<PostgresqlProducer>(producer).commit(self<PostgresqlConsumer>(consumer), *transaction);
    });
    if (status == VOLLEY_E_LOST)
        volley_fail(error, status, "the lease of a message ran out; nothing was committed");
    return status;
}

constexpr volley_ext_atomic table{sizeof(volley_ext_atomic), 0, &joins, &commit, nullptr, nullptr};

}  // namespace

const void* atomic_table() { return &table; }

}  // namespace volley::postgresql
