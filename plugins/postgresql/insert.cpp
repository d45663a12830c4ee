#include "insert.hpp"

#include "settlement.hpp"
#include "sqlite/headers.hpp"
#include "store.hpp"

namespace volley::postgresql {

namespace {

// The rows come out of unnest in their order, and get their ids in it.
constexpr const char* insert_sql =
    "INSERT INTO $T (key, headers, body, message_id, visible_at, priority, created) "
    "SELECT r.key, r.headers::json, r.body, r.message_id, "
    "CASE WHEN r.delay > 0 THEN statement_timestamp() + r.delay * interval '1 ms' END, r.priority, "
    "CASE WHEN r.created > 0 THEN to_timestamp(r.created / 1000.0) ELSE statement_timestamp() END "
    "FROM unnest($1, $2, $3, $4, $5, $6, $7) AS r(key, headers, body, message_id, delay, priority, created) "
    "ON CONFLICT (message_id) WHERE message_id IS NOT NULL DO NOTHING RETURNING message_id";

// What the engine writes of its own, which differs from try to try: when a message failed, and how often.
bool is_of_engine(std::string_view name) { return name.substr(0, 7) == "volley-"; }

bool is_same(const volley_view& a, const volley_view& b) {
    return is_absent(a) == is_absent(b) && text_of(a) == text_of(b);
}

bool has_headers(const volley_record& record, volley_view stored) {
    std::vector<sqlite::OwnedHeader> parsed;
    if (!is_absent(stored) && !sqlite::read_headers(text_of(stored), parsed)) return false;
    std::uint32_t given = 0;
    const auto skip_own = [&] {
        while (given < record.header_count && is_of_engine(text_of(record.headers[given].name))) ++given;
    };
    skip_own();
    for (const sqlite::OwnedHeader& header : parsed) {
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

}  // namespace

std::size_t size_of(const volley_record& record) {
    std::size_t size = record.body.size + record.key.size + record.id.size;
    for (std::uint32_t i = 0; i < record.header_count; ++i)
        size += 2 * (record.headers[i].name.size + record.headers[i].value.size) + 16;
    return size;
}

void NewRows::add(const volley_record& record, volley_view id, std::int32_t priority) {
    keys_.add(record.key);
    bodies_.add(record.body);
    ids_.add(id.size > 0 ? id : volley_view{});
    delays_.add(cut_delay(record.delay_ms));
    priorities_.add(std::int64_t{priority});
    constexpr std::int64_t latest = 253'402'300'799'999;  // 9999-12-31
    created_.add(record.timestamp_ms <= latest ? record.timestamp_ms : 0);
    is_news_ |= record.delay_ms == 0;
    if (record.header_count == 0) {
        headers_.add_null();
        return;
    }
    std::string json;
    sqlite::write_headers(record.headers, record.header_count, json);
    headers_.add(view_of(json));
}

Command NewRows::insert_command(const std::string& table) const {
    Command c{with_table(insert_sql, table), {}};
    c.parameters.add(keys_).add(headers_).add(bodies_).add(ids_).add(delays_).add(priorities_).add(created_);
    return c;
}

Under find_under(Session& session, const std::string& table, const volley_record& record, volley_view id) {
    Command c{with_table("SELECT body, key, headers FROM $T WHERE message_id = $1", table), {}};
    c.parameters.add(id);
    const auto results = session.run({std::move(c)}, Effect::none, "comparing a message");
    const PGresult* row = results[0].get();
    if (PQntuples(row) == 0) return Under::nothing;
    const bool same = is_same(record.body, bytes(row, 0, 0)) && is_same(record.key, bytes(row, 0, 1)) &&
                      has_headers(record, bytes(row, 0, 2));
    return same ? Under::the_same : Under::another;
}

}  // namespace volley::postgresql
