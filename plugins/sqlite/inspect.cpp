#include "inspect.hpp"

#include <charconv>
#include <limits>

#include "consumer.hpp"
#include "producer.hpp"

namespace volley::sqlite {

namespace {

// Not claimed, or claimed with an expired lease.
#define VOLLEY_SQLITE_WAITS "queue = ?1 AND (token IS NULL OR visible_at <= ?2)"

template <typename T>
T& self(void* instance) {
    return *static_cast<T*>(instance);
}

// A row's id is an integer; any other text is not the id of a row.
void bind_id(Statement& statement, int index, volley_view id) {
    std::int64_t value = 0;
    const std::string_view text = text_of(id);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size())
        statement.bind(index, value);
    else
        statement.bind_null(index);
}

std::int64_t single(Statement& statement) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const std::int64_t value = statement.step() ? statement.integer(0, most) : 0;
    statement.reset();
    return value;
}

template <typename T>
std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        const std::int64_t now = now_ms();
        const auto count = [&](const char* sql) {
            Statement statement(i.connection(), sql);
            statement.bind(1, std::string_view(i.queue())).bind(2, now);
            return single(statement);
        };
        out->ready =
            count("SELECT count(*) FROM volley_messages WHERE queue = ?1 AND visible_at = 0 AND ?2 > 0") +
            count(
                "SELECT count(*) FROM volley_messages WHERE queue = ?1 AND visible_at > 0 AND visible_at <= "
                "?2");
        out->in_flight = count(
            "SELECT count(*) FROM volley_messages WHERE queue = ?1 AND visible_at > 0 AND visible_at > ?2 "
            "AND token IS NOT NULL");
        out->delayed = count(
            "SELECT count(*) FROM volley_messages WHERE queue = ?1 AND visible_at > 0 AND visible_at > ?2 "
            "AND token IS NULL");
        out->dead = -1;
        const std::int64_t oldest = count(
            "SELECT created FROM volley_messages WHERE queue = ?1 AND visible_at = 0 AND ?2 > 0 ORDER BY id "
            "LIMIT 1");
        out->oldest_ms = oldest != 0 ? now - oldest : -1;
    });
}

template <typename T>
void show(T& i, Statement& statement, volley_batch& batch) {
    Page& page = i.shown();
    page.clear();
    while (page.rows().size() < batch.capacity && statement.step()) page.add(statement);
    statement.reset();
    page.lend(batch);
    for (std::uint32_t n = 0; n < batch.count; ++n) element(batch.messages, batch.message_size, n).handle = 0;
}

template <typename T>
std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        Statement statement(i.connection(),
                            "SELECT " VOLLEY_SQLITE_COLUMNS " FROM volley_messages WHERE " VOLLEY_SQLITE_WAITS
                            " ORDER BY id LIMIT ?3 OFFSET ?4");
        statement.bind(1, std::string_view(i.queue())).bind(2, now_ms());
        statement.bind(3, std::int64_t{batch->capacity}).bind(4, static_cast<std::int64_t>(skip));
        show(i, statement, *batch);
    });
}

template <typename T>
std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
    return detail::guard(error, [&] {
        T& i = self<T>(instance);
        Statement statement(i.connection(), "SELECT " VOLLEY_SQLITE_COLUMNS
                                            " FROM volley_messages WHERE id = ?3 AND " VOLLEY_SQLITE_WAITS);
        statement.bind(1, std::string_view(i.queue())).bind(2, now_ms());
        bind_id(statement, 3, id);
        show(i, statement, *batch);
    });
}

template <typename T>
std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error, [&] {
        Statement statement(self<T>(instance).connection(), "SELECT 1 FROM volley_messages LIMIT 1");
        single(statement);
    });
}

// Executes the delete statement; returns how many rows it deleted.
template <typename T>
std::uint64_t erase(T& i, const char* sql, const volley_view* id) {
    Transaction transaction(i.connection(), Durability::on_disk);
    Statement statement(i.connection(), sql);
    statement.bind(1, std::string_view(i.queue())).bind(2, now_ms());
    if (id != nullptr) bind_id(statement, 3, *id);
    statement.run();
    const int removed = i.connection().changes();
    transaction.commit();
    return static_cast<std::uint64_t>(removed);
}

template <typename T>
std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        *removed =
            erase(self<T>(instance), "DELETE FROM volley_messages WHERE " VOLLEY_SQLITE_WAITS, nullptr);
    });
}

template <typename T>
std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
    return detail::guard(error, [&] {
        *removed = erase(self<T>(instance),
                         "DELETE FROM volley_messages WHERE id = ?3 AND " VOLLEY_SQLITE_WAITS, &id);
    });
}

template <typename T>
constexpr volley_ext_inspect table{
    sizeof(volley_ext_inspect), 0, &stats<T>, &peek<T>, &check<T>, &purge<T>, &find<T>, &remove<T>};

}  // namespace

const void* inspect_consumer() { return &table<SqliteConsumer>; }

const void* inspect_producer() { return &table<SqliteProducer>; }

}  // namespace volley::sqlite
