#include "insert.hpp"

namespace volley::sqlite {

namespace {

constexpr const char* insert_sql =
    "INSERT INTO volley_messages (queue, key, headers, body, message_id, visible_at, created) VALUES (?1, "
    "?2, ?3, ?4, ?5, ?6, ?7) "
    "ON CONFLICT (queue, message_id) WHERE message_id IS NOT NULL DO NOTHING";

constexpr const char* find_sql =
    "SELECT body, key, headers FROM volley_messages WHERE queue = ?1 AND message_id = ?2";

constexpr std::size_t other_columns = 1024;  // a generous bound for the columns beside the record

// A handler that is not a function of its input can produce several contents under one id before any of them
// is received. Beyond this number, repeats are stored.
constexpr int most_contents = 100;

// The headers that the engine writes, which differ between attempts: when a message failed, and how often.
bool is_of_engine(std::string_view name) { return name.substr(0, 7) == "volley-"; }

bool is_same(const volley_view& a, const volley_view& b) {
    return is_absent(a) == is_absent(b) && text_of(a) == text_of(b);
}

}  // namespace

Inserter::Inserter(Connection& connection)
    : connection_(connection),
      statement_(connection, insert_sql),
      find_(connection, find_sql),
      limit_(static_cast<std::size_t>(sqlite3_limit(connection.get(), SQLITE_LIMIT_LENGTH, -1))) {}

Inserted Inserter::insert(const volley_record& record, std::string_view own_queue, std::int64_t now,
                          Repeats repeats) {
    headers_.clear();
    if (record.header_count > 0) write_headers(record.headers, record.header_count, headers_);
    if (record.body.size + record.key.size + record.id.size + headers_.size() + other_columns > limit_)
        return Inserted::too_large;
    const volley_view queue = is_absent(record.queue) ? view_of(own_queue) : record.queue;
    statement_.bind(1, queue).bind(2, record.key).bind(4, record.body);
    statement_.bind(3, record.header_count > 0 ? view_of(headers_) : volley_view{});
    statement_.bind(6, visible_at(now, record.delay_ms));
    statement_.bind(7, record.timestamp_ms != 0 ? record.timestamp_ms : now);
    const bool has_id = repeats == Repeats::dropped && record.id.size > 0;
    try {
        if (store(has_id ? record.id : volley_view{})) return Inserted::stored;
        if (has_id && is_there(record, queue, record.id)) return Inserted::repeat;
        if (has_id && found_) return store_beside_other(record, queue);
        refusal_ = "a trigger of the database dropped the row";
    } catch (const Error& error) {
        // Only the statement is undone; if a trigger rolled everything back, the caller reports it.
        if (error.code != ErrorCode::permanent || sqlite3_get_autocommit(connection_.get()) != 0) throw;
        refusal_ = error.text;
    }
    return Inserted::refused;
}

// Returns whether a row was added.
bool Inserter::store(volley_view id) {
    statement_.bind(5, id).run();
    return connection_.changes() == 1;
}

// Under a separate id, so that its repeats are also recognised.
Inserted Inserter::store_beside_other(const volley_record& record, volley_view queue) {
    std::string id;
    for (int n = 2; n <= most_contents; ++n) {
        id.assign(text_of(record.id)).append("~").append(std::to_string(n));
        if (store(view_of(id))) return Inserted::conflict;
        if (is_there(record, queue, view_of(id))) return Inserted::repeat;
    }
    if (store(volley_view{})) return Inserted::conflict;
    refusal_ = "a trigger of the database dropped the row";
    return Inserted::refused;
}

bool Inserter::is_there(const volley_record& record, volley_view queue, volley_view id) {
    find_.bind(1, queue).bind(2, id);
    found_ = find_.step();
    const bool same = found_ && is_same(record.body, find_.bytes(0)) && is_same(record.key, find_.bytes(1)) &&
                      has_headers(record, find_.bytes(2));
    find_.reset();
    return same;
}

bool Inserter::has_headers(const volley_record& record, volley_view stored) {
    if (text_of(stored) == headers_) return true;
    if (is_absent(stored))
        parsed_.clear();
    else if (!read_headers(text_of(stored), parsed_))
        return false;
    std::uint32_t given = 0;
    const auto skip_own = [&] {
        while (given < record.header_count && is_of_engine(text_of(record.headers[given].name))) ++given;
    };
    skip_own();
    for (const OwnedHeader& header : parsed_) {
        if (is_of_engine(header.name)) continue;
        if (given == record.header_count) return false;
        const volley_header& other = record.headers[given++];
        if (text_of(other.name) != header.name || is_absent(other.value) != header.absent ||
            text_of(other.value) != header.value)
            return false;
        skip_own();
    }
    return given == record.header_count;
}

}  // namespace volley::sqlite
