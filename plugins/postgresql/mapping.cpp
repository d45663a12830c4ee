#include "mapping.hpp"

#include <vector>

#include "volley/utf8.hpp"

namespace volley::postgresql {

namespace {

[[noreturn]] void wrong(const std::string& text, const std::string& field) {
    throw Error(ErrorCode::config, "config: " + text, field);
}

void check_name(const std::string& name, const std::string& field) {
    constexpr std::size_t longest = 63;  // NAMEDATALEN - 1
    if (name.empty() || name.size() > longest || !is_utf8(name) || name.find('\0') != std::string::npos)
        wrong("`" + field.substr(1) + "` must have names of 1 to 63 bytes", field);
}

// The parts of `orders`, `shop.orders` or `"my.shop".orders`, without the quotes. Unlike in SQL, names
// without quotes keep their case.
std::vector<std::string> name_parts(const std::string& text) {
    std::vector<std::string> parts(1);
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') {
            if (quoted && i + 1 < text.size() && text[i + 1] == '"')
                parts.back().push_back(text[i++]);
            else
                quoted = !quoted;
        } else if (text[i] == '.' && !quoted) {
            parts.emplace_back();
        } else {
            parts.back().push_back(text[i]);
        }
    }
    if (quoted) wrong("`table` has a quote (\") that is not closed", "/table");
    return parts;
}

void read_columns(const Context& context, Mapping& m) {
    for (const char* role : column_roles) {
        const std::string field = std::string("/columns/") + role;
        const auto name = context.find(field.c_str());
        if (!name) continue;
        check_name(*name, field);
        if (*name == "*" && std::string_view(role) != "body")
            wrong("only `columns.body` can be \"*\", the whole row", field);
        m.columns.emplace(role, *name);
    }
    if (!m.is_given("body"))
        wrong(
            "`columns.body` is missing: the column that has the message, or \"*\" for the whole row as JSON",
            "/columns");
}

}  // namespace

std::string Mapping::column(std::string_view role) const {
    const auto found = columns.find(role);
    if (found != columns.end()) return found->second;
    if (role == "id") return "id";
    if (role == "token") return "volley_token";
    return role == "visible_at" ? "volley_visible_at" : "";
}

std::optional<Mapping> read_mapping(const Context& context) {
    const auto table = context.find("table");
    Mapping m;
    m.ready = context.find("ready");
    m.done = context.find("done");
    if (!table) {
        for (const char* key : {"columns", "ready", "done"})
            if (context.find(key))
                wrong(std::string("`") + key + "` says how an existing table is used; name it in `table`",
                      std::string("/") + key);
        return std::nullopt;
    }
    std::vector<std::string> parts = name_parts(*table);
    if (parts.size() > 2) wrong("`table` must be a name, or schema.name", "/table");
    if (parts.size() == 1) parts.insert(parts.begin(), "public");
    for (const std::string& part : parts) check_name(part, "/table");
    m.schema = parts[0];
    m.table = parts[1];
    read_columns(context, m);
    if (!m.is_given("status"))
        for (const char* key : {"ready", "done"})
            if (context.find(key))
                wrong(std::string("`") + key +
                          "` is a value of the status column; name that in `columns.status`",
                      std::string("/") + key);
    if (m.is_given("status") && !m.done && !m.ready)
        wrong(
            "`columns.status` needs `ready`, the value of rows that are messages, or `done`, the value of an "
            "ack",
            "/columns/status");
    if (m.is_given("status") && m.ready == m.done)
        wrong("`ready` and `done` are the same value: an acked row would be a message again", "/done");
    return m;
}

}  // namespace volley::postgresql
