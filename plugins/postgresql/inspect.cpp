#include "inspect.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "consumer.hpp"
#include "producer.hpp"

namespace volley::postgresql {

namespace {

// Not claimed, or claimed with an expired lease.
#define VOLLEY_POSTGRESQL_WAITS "({token} IS NULL OR {visible_at} <= statement_timestamp()) AND {ready}"

template <typename T>
T& self(void* instance) {
    return *static_cast<T*>(instance);
}

// A text that cannot be a row's id matches no row.
std::optional<Parameters> id_parameter(volley_view id, const QueueTable& table) {
    Parameters p;
    if (!table.has_integer_ids) {
        p.add_text(text_of(id));
        return p;
    }
    const auto number = number_of(text_of(id));
    if (!number) return std::nullopt;
    p.add(*number);
    return p;
}

// The server decides whether a text is an id of another type.
bool is_no_id(const Session& session) {
    return session.sqlstate() == "22P02" || session.sqlstate() == "22021";
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
            {{statement(
                  "SELECT (SELECT count(*) FROM {T} AS q WHERE {visible_at} IS NULL AND {ready}) + "
                  "(SELECT count(*) FROM {T} AS q WHERE {visible_at} <= statement_timestamp() AND {ready}), "
                  "(SELECT count(*) FROM {T} AS q WHERE {token} IS NOT NULL AND {visible_at} > "
                  "statement_timestamp() AND {ready}), "
                  "(SELECT count(*) FROM {T} AS q WHERE {visible_at} > statement_timestamp() AND {ready}), "
                  "(SELECT greatest((extract(epoch FROM statement_timestamp() - {created}) * 1000)::int8, 0) "
                  "FROM {T} AS q WHERE {visible_at} IS NULL AND isfinite({created}) AND {ready} "
                  "ORDER BY {order} LIMIT 1)",
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
    auto results = i.session().run({{statement(sql, i.table()), std::move(parameters)}}, Effect::none,
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
             "SELECT {columns} FROM {T} AS q WHERE " VOLLEY_POSTGRESQL_WAITS
             " ORDER BY {order} LIMIT $1 OFFSET $2",
             std::move(p), *batch);
    });
}

template <typename T>
std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        batch->count = 0;
        i.session();
        auto parameters = id_parameter(id, i.table());
        if (!parameters) return;
        try {
            show(i, "SELECT {columns} FROM {T} AS q WHERE {id} = $1::{id_type} AND " VOLLEY_POSTGRESQL_WAITS,
                 std::move(*parameters), *batch);
        } catch (const Error&) {
            if (!is_no_id(i.session())) throw;
        }
    });
}

template <typename T>
std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        i.session().run({{statement("SELECT 1 FROM {T} AS q LIMIT 1", i.table()), {}}}, Effect::none,
                        "a check");
    });
}

// Executes the delete statement; returns how many rows it deleted.
template <typename T>
std::uint64_t erase(T& i, const char* sql, Parameters parameters) {
    const auto results =
        i.session().run({{statement(sql, i.table()), std::move(parameters)}}, Effect::commits, "removing");
    const std::string_view count = PQcmdTuples(results[0].get());
    std::uint64_t removed = 0;
    std::from_chars(count.data(), count.data() + count.size(), removed);
    return removed;
}

template <typename T>
std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(
        error, [&] { *removed = erase(self<T>(instance), "{remove} WHERE " VOLLEY_POSTGRESQL_WAITS, {}); });
}

template <typename T>
std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        *removed = 0;
        T& i = self<T>(instance);
        i.session();
        auto parameters = id_parameter(id, i.table());
        if (!parameters) return;
        try {
            *removed = erase(i, "{remove} WHERE {id} = $1::{id_type} AND " VOLLEY_POSTGRESQL_WAITS,
                             std::move(*parameters));
        } catch (const Error&) {
            if (!is_no_id(i.session())) throw;
        }
    });
}

template <typename T>
constexpr volley_ext_inspect table{
    sizeof(volley_ext_inspect), 0, &stats<T>, &peek<T>, &check<T>, &purge<T>, &find<T>, &remove<T>};

}  // namespace

const void* inspect_consumer() { return &table<PostgresqlConsumer>; }

const void* inspect_producer() { return &table<PostgresqlProducer>; }

}  // namespace volley::postgresql
