#include "identity.hpp"

#include "consumer.hpp"

namespace volley::postgresql {

namespace {

std::int32_t identity(volley_consumer* consumer, volley_view* out, volley_error* error) {
    return detail::guard(error,
                         [&] { *out = view_of(detail::self<PostgresqlConsumer>(consumer).identity()); });
}

constexpr volley_ext_identity table{sizeof(volley_ext_identity), 0, &identity};

}  // namespace

const void* identity_table() { return &table; }

}  // namespace volley::postgresql
