#include "insert.hpp"

#include "settlement.hpp"
#include "sqlite/headers.hpp"

namespace volley::postgresql {

namespace {

// The headers that the engine writes, which differ between attempts: when a message failed, and how often.
bool is_of_engine(std::string_view name) { return name.substr(0, 7) == "volley-"; }

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
    has_ids_ |= id.size > 0;
    delays_.add(cut_delay(record.delay_ms));
    priorities_.add(std::int64_t{priority});
    constexpr std::int64_t latest = 253'402'300'799'999;  // 9999-12-31
    created_.add(record.timestamp_ms <= latest ? record.timestamp_ms : 0);
    is_news_ |= record.delay_ms == 0;
    has_delay_ |= record.delay_ms > 0;
    if (record.header_count == 0) {
        headers_.add_null();
        return;
    }
    std::string json;
    sqlite::write_headers(record.headers, record.header_count, json);
    headers_.add(view_of(json));
}

void NewRows::check(const QueueTable& table) const {
    if (!has_delay_ || table.has_delays) return;
    throw Error(ErrorCode::permanent,
                "the table " + table.name +
                    " has no column for the delay of a message; name one in `columns.visible_at`, or add it: "
                    "ALTER TABLE " +
                    table.name + " ADD COLUMN volley_visible_at timestamptz");
}

Command NewRows::insert_command(const QueueTable& table) const {
    // Without ids nothing can be a repeat, and the server need not be prepared to undo a row.
    Command c{statement(has_ids_ ? "{insert}{unless_repeated} RETURNING {message_id_read}"
                                 : "{insert} RETURNING {message_id_read}",
                        table),
              {}};
    c.parameters.add(keys_).add(headers_).add(bodies_).add(ids_).add(delays_).add(priorities_).add(created_);
    return c;
}

Under find_under(Session& session, const QueueTable& table, const volley_record& record, volley_view id) {
    Command c{statement("SELECT {same_body} AND {same_key}, {keeps_headers}, {headers} FROM {T} AS q "
                        "WHERE {message_id} = {message_id_of_1}",
                        table),
              {}};
    c.parameters.add(id).add(record.body).add(record.key);
    const auto results = session.run({std::move(c)}, Effect::none, "comparing a message");
    const PGresult* row = results[0].get();
    if (PQntuples(row) == 0) return Under::nothing;
    const bool same =
        integer(row, 0, 0) != 0 && (integer(row, 0, 1) == 0 || has_headers(record, bytes(row, 0, 2)));
    return same ? Under::the_same : Under::another;
}

}  // namespace volley::postgresql
