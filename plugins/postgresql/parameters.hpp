// The parameters of a statement in PostgreSQL's binary form, counted from $1. Thread: one at a time.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "volley/view.hpp"

namespace volley::postgresql {

// A column of an array parameter.
class Array {
public:
    enum class Of { bytes, text, integers, small_integers };
    explicit Array(Of of) : of_(of) {}

    void add(volley_view bytes);  // absent: NULL
    void add(std::int64_t value);
    void add_null();

private:
    friend class Parameters;

    Of of_;
    std::int32_t count_ = 0;
    bool has_null_ = false;
    std::string elements_;
};

class Parameters {
public:
    Parameters& add(std::int64_t value);
    Parameters& add(volley_view bytes);  // bytea; absent: NULL
    Parameters& add_text(std::string_view text);
    Parameters& add(const Array& array);

    // Queues the statement on a connection in pipeline mode, with results in binary form. Copies the
    // parameters. Returns the result of PQsendQueryParams.
    int send(PGconn* connection, const char* sql) const;

private:
    std::vector<Oid> types_;
    std::vector<std::string> values_;
    std::vector<bool> absent_;
};

// Columns of a row in binary form; NULL is 0 and an absent view. The view lives as long as the result.
std::int64_t integer(const PGresult* rows, int row, int column);
volley_view bytes(const PGresult* rows, int row, int column);
// The first column, a row's id: an int8 or a text.
std::string id_at(const PGresult* rows, int row);
// The number that the whole text represents, if it is one.
std::optional<std::int64_t> number_of(std::string_view text);

}  // namespace volley::postgresql
