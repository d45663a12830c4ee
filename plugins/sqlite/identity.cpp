#include "identity.hpp"

#include "consumer.hpp"

namespace volley::sqlite {

namespace {

std::int32_t identity(volley_consumer* consumer, volley_view* out, volley_error* error) {
    return detail::guard(
        error, [&] { *out = view_of(detail::self<SqliteConsumer>(consumer).connection().identity()); });
}

constexpr volley_ext_identity table{sizeof(volley_ext_identity), 0, &identity};

}  // namespace

const void* identity_table() { return &table; }

}  // namespace volley::sqlite
