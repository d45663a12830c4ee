#include "table.hpp"

#include <stdexcept>
#include <utility>

namespace volley::postgresql {

namespace {

// Builds the words of one table.
class Vocabulary {
public:
    // `row` precedes the name of each column: "q.", or nothing in an index.
    explicit Vocabulary(const Columns& columns, std::string row = "q.")
        : columns_(columns), row_(std::move(row)) {}

    const Column* find(std::string_view role) const {
        const auto found = columns_.by_role.find(role);
        return found != columns_.by_role.end() ? &found->second : nullptr;
    }
    // The plain column.
    std::string value(std::string_view role, const char* type) const {
        const Column* c = find(role);
        return c != nullptr ? row_ + identifier(c->name) : std::string("NULL::") + type;
    }
    // As bytea.
    std::string read(std::string_view role) const {
        const Column* c = find(role);
        if (c != nullptr && c->name == "*") return whole_row();
        const std::string raw = value(role, "bytea");
        return c == nullptr || c->is_bytes ? raw : "convert_to(" + raw + "::text, 'UTF8')";
    }
    // `bytes`, a bytea, as the column's type.
    std::string written(std::string_view role, const std::string& bytes) const {
        const Column* c = find(role);
        if (c == nullptr) return "NULL::bytea";
        return c->is_bytes ? bytes : "convert_from(" + bytes + ", 'UTF8')::" + c->type;
    }
    // `, "column" = value`, or nothing.
    std::string assign(std::string_view role, const std::string& value) const {
        const Column* c = find(role);
        return c != nullptr ? ", " + identifier(c->name) + " = " + value : "";
    }
    std::string attempts() const {
        const Column* c = find("attempts");
        return c != nullptr && c->may_be_null ? "coalesce(" + value("attempts", "int4") + ", 0)"
                                              : value("attempts", "int4");
    }
    std::string size(std::string_view role) const {
        const Column* c = find(role);
        if (c == nullptr) return "0";
        return "coalesce(octet_length(" + (c->is_bytes ? value(role, "bytea") : read(role)) + "), 0)";
    }
    // A value of the status column.
    std::string status(const std::string& text) const { return literal(text) + "::" + find("status")->type; }
    std::string ready() const {
        if (find("status") == nullptr) return "true";
        const std::string raw = value("status", "text");
        return columns_.ready ? raw + " = " + status(*columns_.ready) : raw + " IS NULL";
    }

private:
    // Without the columns that a claim changes.
    std::string whole_row() const {
        std::string names;
        for (const char* role : {"token", "visible_at", "attempts", "owner"})
            if (const Column* c = find(role)) names += (names.empty() ? "" : ", ") + literal(c->name);
        return "convert_to((to_jsonb(q) - ARRAY[" + names + "]::text[])::text, 'UTF8')";
    }

    const Columns& columns_;
    std::string row_;
};

std::string without_comma(const std::string& assignments) {
    return assignments.empty() ? assignments : assignments.substr(2);
}

// By priority, then by id; ids that are not numbers have no order, so the creation time precedes them.
void add_order(const Vocabulary& v, std::map<std::string, std::string, std::less<>>& words) {
    std::string order, ranked, rank;
    if (const Column* priority = v.find("priority")) {
        const char* direction = priority->may_be_null ? " DESC NULLS LAST, " : " DESC, ";
        order += v.value("priority", "int4") + direction;
        ranked += ", " + v.value("priority", "int4") + " AS urgency";
        rank += std::string("urgency") + direction;
    }
    if (v.find("created") != nullptr && !v.find("id")->is_integer) {
        order += v.value("created", "timestamptz") + ", ";
        ranked += ", " + v.value("created", "timestamptz") + " AS age";
        rank += "age, ";
    }
    words["order"] = order + v.value("id", "int8");
    words["ranked"] = v.value("id", "int8") + " AS id" + ranked;
    words["rank"] = rank + "id";
}

// CREATE INDEX statements for the rows that a claim reads, for users who create the indexes of their tables
// themselves.
void add_indexes(const Columns& columns, const std::string& name,
                 std::map<std::string, std::string, std::less<>>& words) {
    const Vocabulary v(columns, "");
    std::map<std::string, std::string, std::less<>> bare;
    add_order(v, bare);
    const std::string create = "CREATE INDEX CONCURRENTLY ON " + name + " (";
    const std::string visible_at = v.value("visible_at", "timestamptz"), token = v.value("token", "int8");
    words["index_of_order"] = create + bare["order"] + ") WHERE " + visible_at + " IS NULL" +
                              (v.find("status") != nullptr ? " AND " + v.ready() : "");
    words["index_of_visible_at"] = create + visible_at + ") WHERE " + visible_at + " IS NOT NULL";
    words["index_of_token"] = create + token + ") WHERE " + token + " IS NOT NULL";
}

void add_changes(const Vocabulary& v, const Columns& columns, const std::string& name,
                 std::map<std::string, std::string, std::less<>>& words) {
    const std::string free_claim = v.assign("token", "NULL") + v.assign("owner", "NULL");
    const std::string free_at_once = v.assign("visible_at", "NULL") + free_claim;
    words["free"] = without_comma(free_at_once);
    words["claim"] = without_comma(v.assign("token", "$1") + v.assign("owner", "$2") +
                                   v.assign("attempts", "least(" + v.attempts() + ", 1000000000) + 1") +
                                   v.assign("visible_at", "statement_timestamp() + $3 * interval '1 ms'"));
    words["give_back"] =
        without_comma(free_at_once + v.assign("attempts", "greatest(" + v.attempts() + " - 1, 0)"));
    words["put_back"] = without_comma(
        v.assign("visible_at",
                 "CASE WHEN a.delay > 0 THEN statement_timestamp() + a.delay * interval '1 ms' END") +
        free_claim + v.assign("attempts", "greatest(" + v.attempts() + " - a.uncounted::int4, 0)"));
    words["extend"] = without_comma(v.assign("visible_at", "statement_timestamp() + $3 * interval '1 ms'"));
    if (columns.done) {
        const std::string finish = "UPDATE " + name + " AS q SET " +
                                   without_comma(v.assign("status", v.status(*columns.done)) + free_at_once);
        words["finish"] = finish + " FROM";
        words["remove"] = finish;
    } else {
        words["finish"] = "DELETE FROM " + name + " AS q USING";
        words["remove"] = "DELETE FROM " + name + " AS q";
    }
}

// The rows of unnest() are inserted in their order, and get their ids in that order.
std::string insert_of(const Vocabulary& v, const Columns& columns, const std::string& name) {
    std::string names, values;
    const auto add = [&](std::string_view role, const std::string& value) {
        const Column* c = v.find(role);
        if (c == nullptr) return;
        names += (names.empty() ? "" : ", ") + identifier(c->name);
        values += (values.empty() ? "" : ", ") + value;
    };
    add("key", v.written("key", "r.key"));
    add("headers", "r.headers::" + (v.find("headers") != nullptr ? v.find("headers")->type : "json"));
    add("body", v.written("body", "r.body"));
    add("message_id", v.written("message_id", "r.message_id"));
    add("visible_at", "CASE WHEN r.delay > 0 THEN statement_timestamp() + r.delay * interval '1 ms' END");
    add("priority", "r.priority");
    add("created",
        "CASE WHEN r.created > 0 THEN to_timestamp(r.created / 1000.0) ELSE statement_timestamp() END");
    if (v.find("status") != nullptr) add("status", columns.ready ? v.status(*columns.ready) : "NULL");
    return "INSERT INTO " + name + " AS q (" + names + ") SELECT " + values +
           " FROM unnest($1, $2, $3, $4, $5, $6, $7) AS r(key, headers, body, message_id, delay, priority, "
           "created)";
}

std::string doubled(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote) out.push_back(c);
        out.push_back(c);
    }
    return out + quote;
}

}  // namespace

QueueTable make_table(std::string name, const Columns& columns) {
    const Vocabulary v(columns);
    QueueTable t;
    t.has_integer_ids = v.find("id")->is_integer;
    t.has_message_ids = v.find("message_id") != nullptr;
    t.has_delays = v.find("visible_at") != nullptr;
    auto& words = t.words;
    words["T"] = name;
    words["id"] = v.value("id", "int8");
    words["id_read"] = words["id"] + (t.has_integer_ids ? "::int8" : "::text");
    // An id that is a parameter: a number is compared directly, with the index of any integer type.
    words["id_type"] = t.has_integer_ids ? "int8" : v.find("id")->type;
    words["token"] = v.value("token", "int8");
    words["visible_at"] = v.value("visible_at", "timestamptz");
    words["created"] = v.value("created", "timestamptz");
    words["key"] = v.value("key", "bytea");
    // A token begins with its owner, for tables without an owner column.
    words["owner"] = v.find("owner") != nullptr ? v.value("owner", "int8") : "(" + words["token"] + " >> 32)";
    words["message_id"] = v.value("message_id", "bytea");
    words["message_id_of_1"] = v.written("message_id", "$1");
    words["ready"] = v.ready();
    words["size"] = v.size("body") + "::int8 + " + v.size("key");
    words["columns"] = words["id_read"] + ", " + v.read("key") + ", " + v.value("headers", "json") +
                       "::text, " + v.read("body") + ", " +
                       (v.find("attempts") != nullptr ? v.attempts() + "::int8" : "-1::int8") +
                       ", CASE WHEN isfinite(" + words["created"] + ") THEN greatest((extract(epoch FROM " +
                       words["created"] + ") * 1000)::int8, 0) ELSE 0 END";
    const auto is_same = [&](const char* role, const char* parameter) {
        const Column* c = v.find(role);
        if (c == nullptr) return std::string("true");  // it was not stored
        // The server's own form on both sides, because jsonb keeps no spaces.
        const std::string given = v.written(role, parameter);
        return v.read(role) + " IS NOT DISTINCT FROM " +
               (c->is_bytes ? given : "convert_to((" + given + ")::text, 'UTF8')");
    };
    words["same_body"] = is_same("body", "$2");
    words["same_key"] = is_same("key", "$3");
    words["headers"] = v.find("headers") != nullptr ? v.value("headers", "json") + "::text" : "NULL::text";
    words["keeps_headers"] = v.find("headers") != nullptr ? "true" : "false";
    add_order(v, words);
    add_indexes(columns, name, words);
    add_changes(v, columns, name, words);
    words["insert"] = insert_of(v, columns, name);
    words["unless_repeated"] = "";
    if (const Column* id = v.find("message_id"))
        words["unless_repeated"] = " ON CONFLICT (" + identifier(id->name) + ") WHERE " +
                                   identifier(id->name) + " IS NOT NULL DO NOTHING";
    words["message_id_read"] = v.read("message_id");
    t.name = std::move(name);
    return t;
}

QueueTable own_table(std::string name) {
    Columns columns;
    const auto add = [&](const char* role, const char* type, bool is_bytes, bool is_integer,
                         bool may_be_null) {
        columns.by_role[role] = {role, type, is_bytes, is_integer, may_be_null};
    };
    add("id", "int8", false, true, false);
    add("priority", "int4", false, true, false);
    add("key", "bytea", true, false, true);
    add("headers", "json", false, false, true);
    add("body", "bytea", true, false, true);
    add("message_id", "bytea", true, false, true);
    add("visible_at", "timestamptz", false, false, true);
    add("attempts", "int4", false, true, false);
    add("token", "int8", false, true, true);
    add("owner", "int8", false, true, true);
    add("created", "timestamptz", false, false, false);
    return make_table(std::move(name), columns);
}

std::string statement(std::string_view sql, const QueueTable& table) {
    std::string out;
    for (std::size_t at = 0;;) {
        const std::size_t open = sql.find('{', at);
        out.append(sql.substr(at, open - at));
        if (open == std::string_view::npos) return out;
        const std::size_t close = sql.find('}', open);
        const auto word = table.words.find(sql.substr(open + 1, close - open - 1));
        if (word == table.words.end()) throw std::logic_error("no such word: " + std::string(sql));
        out += word->second;
        at = close + 1;
    }
}

std::string identifier(std::string_view name) { return doubled(name, '"'); }

std::string literal(std::string_view value) {
    std::string text = doubled(value, '\'');
    if (value.find('\\') == std::string_view::npos) return text;
    std::string escaped = "E";  // independent of standard_conforming_strings
    for (const char c : text) {
        if (c == '\\') escaped.push_back(c);
        escaped.push_back(c);
    }
    return escaped;
}

}  // namespace volley::postgresql
