// Converts values of AMQP tables to header values, and headers to a table.
//
// Strings and bytes do not change; a boolean is true or false; a number is decimal; a timestamp is seconds
// since 1970; void is an absent value; a table or an array is JSON. An array that contains only strings is a
// repeated header. Headers become strings (bytes if they are not UTF-8), void if absent, and an array of
// strings if they repeat.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "rabbitmq.hpp"
#include "volley/abi.hpp"

namespace volley::amqp {

// The value as text; a table or an array as JSON.
std::string text_of_value(const amqp_field_value_t& value);

// Adds the headers of a table entry. Copies into `texts`.
void add_headers(const amqp_table_entry_t& entry, std::vector<volley_header>& headers,
                 std::deque<std::string>& texts);

// How often the message was dead-lettered from this queue, according to the header x-death.
std::uint64_t deaths_in(const amqp_field_value_t& x_death, std::string_view queue);

// The value as an integer, or 0.
std::int64_t number_of_value(const amqp_field_value_t& value);

// Builds a table. Borrows names and values.
class TableBuilder {
public:
    void add(std::string_view name, const volley_view& value);
    void add(std::string_view name, std::int64_t value);
    // Valid until the next call, and as long as the borrowed data.
    amqp_table_t table();

private:
    struct Entry {
        std::string_view name;
        std::vector<amqp_field_value_t> values;
    };

    std::deque<Entry> entries_;
    std::vector<amqp_table_entry_t> table_;
};

}  // namespace volley::amqp
