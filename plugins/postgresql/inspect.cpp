#include "inspect.hpp"

#include <algorithm>
#include <charconv>

#include "consumer.hpp"
#include "producer.hpp"

namespace volley::postgresql {

namespace {

// Not claimed, or claimed by one whose lease has run out.
#define VOLLEY_POSTGRESQL_WAITS "(token IS NULL OR visible_at <= statement_timestamp())"

template <typename T>
T& self(void* instance) {
    return *static_cast<T*>(instance);
}

// A row's id is any whole number; what is none is no row's.
Parameters id_parameter(volley_view id) {
    std::int64_t value = 0;
    const std::string_view text = text_of(id);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    Parameters p;
    p.add(is_number ? value : -1).add(std::int64_t{is_number ? 1 : 0});
    return p;
}

void copy_counts(const volley_stats& from, volley_stats& to) {
    to.ready = from.ready;
    to.in_flight = from.in_flight;
    to.delayed = from.delayed;
    to.dead = from.dead;
    to.oldest_ms = from.oldest_ms;
}

template <typename T>
std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        Inspection& kept = i.inspection();
        const auto start = Clock::now();
        if (start < kept.counted_until) {
            copy_counts(kept.counted, *out);
            return;
        }
        // Each of them reads an index, not the table.
        const auto results = i.session().run(
            {{with_table(
                  "SELECT (SELECT count(*) FROM $T WHERE visible_at IS NULL) + "
                  "(SELECT count(*) FROM $T WHERE visible_at <= statement_timestamp()), "
                  "(SELECT count(*) FROM $T WHERE token IS NOT NULL AND visible_at > statement_timestamp()), "
                  "(SELECT count(*) FROM $T WHERE visible_at > statement_timestamp()), "
                  "(SELECT greatest((extract(epoch FROM statement_timestamp() - created) * 1000)::int8, 0) "
                  "FROM $T WHERE visible_at IS NULL AND isfinite(created) ORDER BY priority DESC, id LIMIT "
                  "1)",
                  i.table()),
              {}}},
            Effect::none, "counting");
        const PGresult* row = results[0].get();
        out->ready = integer(row, 0, 0);
        out->in_flight = integer(row, 0, 1);
        out->delayed = std::max<std::int64_t>(integer(row, 0, 2) - out->in_flight, 0);
        out->dead = -1;
        out->oldest_ms = PQgetisnull(row, 0, 3) != 0 ? -1 : integer(row, 0, 3);
        copy_counts(*out, kept.counted);
        constexpr std::chrono::milliseconds is_long{20};
        const auto took = Clock::now() - start;
        if (took > is_long) kept.counted_until = Clock::now() + 20 * took;
    });
}

template <typename T>
void show(T& i, const char* sql, Parameters parameters, volley_batch& batch) {
    auto results = i.session().run({{with_table(sql, i.table()), std::move(parameters)}}, Effect::none,
                                   "showing messages");
    i.inspection().page.fill(std::move(results[0]));
    i.inspection().page.lend(batch, false);
}

template <typename T>
std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] {
        Parameters p;
        p.add(std::int64_t{batch->capacity}).add(static_cast<std::int64_t>(skip));
        show(self<T>(instance),
             "SELECT " VOLLEY_POSTGRESQL_COLUMNS " FROM $T WHERE " VOLLEY_POSTGRESQL_WAITS
             " ORDER BY priority DESC, id LIMIT $1 OFFSET $2",
             std::move(p), *batch);
    });
}

template <typename T>
std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        show(self<T>(instance),
             "SELECT " VOLLEY_POSTGRESQL_COLUMNS
             " FROM $T WHERE id = $1 AND $2 = 1 AND " VOLLEY_POSTGRESQL_WAITS,
             id_parameter(id), *batch);
    });
}

template <typename T>
std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        i.session().run({{with_table("SELECT 1 FROM $T LIMIT 1", i.table()), {}}}, Effect::none, "a check");
    });
}

// Deletes what the statement says; returns how much that was.
template <typename T>
std::uint64_t erase(T& i, const char* sql, Parameters parameters) {
    const auto results =
        i.session().run({{with_table(sql, i.table()), std::move(parameters)}}, Effect::commits, "removing");
    const std::string_view count = PQcmdTuples(results[0].get());
    std::uint64_t removed = 0;
    std::from_chars(count.data(), count.data() + count.size(), removed);
    return removed;
}

template <typename T>
std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        *removed = erase(self<T>(instance), "DELETE FROM $T WHERE " VOLLEY_POSTGRESQL_WAITS, {});
    });
}

template <typename T>
std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        *removed =
            erase(self<T>(instance), "DELETE FROM $T WHERE id = $1 AND $2 = 1 AND " VOLLEY_POSTGRESQL_WAITS,
                  id_parameter(id));
    });
}

template <typename T>
constexpr volley_ext_inspect table{
    sizeof(volley_ext_inspect), 0, &stats<T>, &peek<T>, &check<T>, &purge<T>, &find<T>, &remove<T>};

}  // namespace

const void* inspect_consumer() { return &table<PostgresqlConsumer>; }

const void* inspect_producer() { return &table<PostgresqlProducer>; }

}  // namespace volley::postgresql
