#include "page.hpp"

#include <charconv>
#include <limits>

namespace volley::sqlite {

namespace {

// A page that once held huge messages does not keep their memory forever.
constexpr std::size_t kept_bytes = 4u << 20;

}  // namespace

void Page::clear() {
    rows_.clear();
    headers_.clear();
    bytes_.clear();
    if (bytes_.capacity() > kept_bytes) bytes_.shrink_to_fit();
    open = 0;
}

// Offsets count from 1 while the bytes may still move; 0 is absent.
volley_view Page::store(volley_view bytes) {
    if (is_absent(bytes)) return {};
    const std::size_t offset = bytes_.size() + 1;
    const auto* from = static_cast<const char*>(bytes.data);
    bytes_.insert(bytes_.end(), from, from + bytes.size);
    return {reinterpret_cast<const void*>(offset), bytes.size};
}

volley_view Page::resolved(volley_view offset) const {
    if (is_absent(offset)) return {};
    return {bytes_.data() + reinterpret_cast<std::size_t>(offset.data) - 1, offset.size};
}

void Page::add_headers(Row& row, volley_view json) {
    row.first_header = headers_.size();
    if (!is_absent(json) && !read_headers(text_of(json), parsed_)) {
        // Another program wrote something else there. It is preserved as one header.
        parsed_.assign(1, OwnedHeader{"headers", std::string(text_of(json)), false});
    }
    if (is_absent(json)) parsed_.clear();
    for (const OwnedHeader& h : parsed_)
        headers_.push_back({store(view_of(h.name)), h.absent ? volley_view{} : store(view_of(h.value))});
    row.header_count = static_cast<std::uint32_t>(headers_.size() - row.first_header);
}

std::size_t Page::add(const Statement& statement) {
    const std::size_t before = bytes_.size();
    Row row{};
    row.id = statement.integer(0);
    row.key = store(statement.bytes(1));
    add_headers(row, statement.bytes(2));
    row.body = store(statement.bytes(3));
    constexpr std::int64_t most_attempts = 1 << 30;
    row.attempts = static_cast<std::uint32_t>(statement.integer(4, most_attempts));
    row.created = statement.integer(5, std::numeric_limits<std::int64_t>::max());
    char id[20];
    const auto end = std::to_chars(id, id + sizeof id, row.id).ptr;
    row.text_id = store({id, static_cast<std::size_t>(end - id)});
    rows_.push_back(row);
    return bytes_.size() - before;
}

void Page::lend(volley_batch& batch) {
    for (volley_header& h : headers_) h = {resolved(h.name), resolved(h.value)};
    batch.count = 0;
    for (Row& row : rows_) {
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        m.body = row.body = resolved(row.body);
        m.key = row.key = resolved(row.key);
        m.id = row.text_id = resolved(row.text_id);
        m.headers = row.header_count > 0 ? headers_.data() + row.first_header : nullptr;
        m.header_count = row.header_count;
        m.delivery_count = row.attempts + 1;
        m.timestamp_ms = row.created;
    }
}

}  // namespace volley::sqlite
