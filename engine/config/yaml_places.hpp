// Where things stand in a text, for yaml-cpp's marks: it counts bytes from 0, people count characters from 1.
#pragma once

#include <yaml-cpp/mark.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "volley/config.hpp"

namespace volley::config {

// Is it the first byte of a UTF-8 character?
inline bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

class Columns {
public:
    // Borrows the lines.
    explicit Columns(const std::vector<std::string>& lines) : lines_(lines) {}

    // Marks come nearly in order, so that a long line is walked once.
    Mark place(const std::string& file, const YAML::Mark& mark);

    // The text from `mark` on, as far as its line goes.
    std::string_view rest(const YAML::Mark& mark) const;

    // Does the quoted scalar that begins at `mark` end before the file does?
    bool is_closed(const YAML::Mark& mark) const;

private:
    const std::vector<std::string>& lines_;
    std::size_t line_ = 0;
    std::size_t byte_ = 0;
    std::size_t characters_ = 0;
};

}  // namespace volley::config
