#include "insert.hpp"

#include "headers.hpp"

namespace volley::sqlite {

namespace {

constexpr const char* insert_sql =
    "INSERT INTO volley_messages (queue, key, headers, body, message_id, visible_at, created) VALUES (?1, "
    "?2, ?3, ?4, ?5, ?6, ?7) "
    "ON CONFLICT (queue, message_id) WHERE message_id IS NOT NULL DO NOTHING";

constexpr std::size_t other_columns = 1024;  // what a row holds beside the record, generously

}  // namespace

Inserter::Inserter(Connection& connection)
    : statement_(connection, insert_sql),
      limit_(static_cast<std::size_t>(sqlite3_limit(connection.get(), SQLITE_LIMIT_LENGTH, -1))) {}

std::int32_t Inserter::insert(const volley_record& record, std::string_view queue, std::int64_t now,
                              Repeats repeats) {
    headers_.clear();
    if (record.header_count > 0) write_headers(record.headers, record.header_count, headers_);
    if (record.body.size + record.key.size + record.id.size + headers_.size() + other_columns > limit_)
        return VOLLEY_E_TOO_LARGE;
    statement_.bind(1, is_absent(record.queue) ? view_of(queue) : record.queue)
        .bind(2, record.key)
        .bind(4, record.body);
    statement_.bind(3, record.header_count > 0 ? view_of(headers_) : volley_view{});
    statement_.bind(5, repeats == Repeats::dropped && record.id.size > 0 ? record.id : volley_view{});
    statement_.bind(6, visible_at(now, record.delay_ms));
    statement_.bind(7, record.timestamp_ms != 0 ? record.timestamp_ms : now);
    statement_.run();
    return VOLLEY_OK;
}

}  // namespace volley::sqlite
