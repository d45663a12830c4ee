#include "parameters.hpp"

#include <charconv>

namespace volley::postgresql {

namespace {

// pg_type.dat; these never change.
constexpr Oid bytea_type = 17, int8_type = 20, int4_type = 23, text_type = 25;
constexpr Oid bytea_array = 1001, int4_array = 1007, text_array = 1009, int8_array = 1016;

template <typename T>
void append(std::string& out, T value) {
    for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8)
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xff));
}

}  // namespace

void Array::add_null() {
    append<std::int32_t>(elements_, -1);
    has_null_ = true;
    ++count_;
}

void Array::add(volley_view bytes) {
    if (is_absent(bytes)) {
        add_null();
        return;
    }
    append(elements_, static_cast<std::int32_t>(bytes.size));
    elements_.append(static_cast<const char*>(bytes.data), bytes.size);
    ++count_;
}

void Array::add(std::int64_t value) {
    if (of_ == Of::small_integers) {
        append<std::int32_t>(elements_, 4);
        append(elements_, static_cast<std::int32_t>(value));
    } else {
        append<std::int32_t>(elements_, 8);
        append(elements_, value);
    }
    ++count_;
}

Parameters& Parameters::add(std::int64_t value) {
    types_.push_back(int8_type);
    append(values_.emplace_back(), value);
    absent_.push_back(false);
    return *this;
}

Parameters& Parameters::add(volley_view bytes) {
    types_.push_back(bytea_type);
    values_.emplace_back(text_of(bytes));
    absent_.push_back(is_absent(bytes));
    return *this;
}

Parameters& Parameters::add_text(std::string_view text) {
    types_.push_back(text_type);
    values_.emplace_back(text);
    absent_.push_back(false);
    return *this;
}

Parameters& Parameters::add(const Array& array) {
    const bool small = array.of_ == Array::Of::small_integers;
    const bool bytes = array.of_ == Array::Of::bytes;
    const bool text = array.of_ == Array::Of::text;
    types_.push_back(bytes ? bytea_array : text ? text_array : small ? int4_array : int8_array);
    std::string& value = values_.emplace_back();
    value.reserve(array.elements_.size() + 20);
    append<std::int32_t>(value, array.count_ > 0 ? 1 : 0);  // dimensions
    append<std::int32_t>(value, array.has_null_ ? 1 : 0);
    append(value, bytes ? bytea_type : text ? text_type : small ? int4_type : int8_type);
    if (array.count_ > 0) {
        append(value, array.count_);
        append<std::int32_t>(value, 1);  // the lower bound
    }
    value += array.elements_;
    absent_.push_back(false);
    return *this;
}

int Parameters::send(PGconn* connection, const char* sql) const {
    std::vector<const char*> values;
    std::vector<int> lengths;
    const std::vector<int> formats(values_.size(), 1);
    for (std::size_t i = 0; i < values_.size(); ++i) {
        values.push_back(absent_[i] ? nullptr : values_[i].data());
        lengths.push_back(static_cast<int>(values_[i].size()));
    }
    return PQsendQueryParams(connection, sql, static_cast<int>(values.size()), types_.data(), values.data(),
                             lengths.data(), formats.data(), 1);
}

std::int64_t integer(const PGresult* rows, int row, int column) {
    const auto* p = reinterpret_cast<const unsigned char*>(PQgetvalue(rows, row, column));
    const int length = PQgetlength(rows, row, column);
    std::uint64_t value = 0;
    for (int i = 0; i < length; ++i) value = value << 8 | p[i];
    if (length == 4) return static_cast<std::int32_t>(value);
    return static_cast<std::int64_t>(value);
}

volley_view bytes(const PGresult* rows, int row, int column) {
    if (PQgetisnull(rows, row, column) != 0) return {};
    return {PQgetvalue(rows, row, column), static_cast<std::size_t>(PQgetlength(rows, row, column))};
}

std::string id_at(const PGresult* rows, int row) {
    if (PQftype(rows, 0) == int8_type) return std::to_string(integer(rows, row, 0));
    return std::string(text_of(bytes(rows, row, 0)));
}

std::optional<std::int64_t> number_of(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace volley::postgresql
