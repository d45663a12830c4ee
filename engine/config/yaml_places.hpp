// Positions in a text. yaml-cpp's marks count bytes from 0; people count characters from 1.
#pragma once

#include <yaml-cpp/mark.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "volley/config.hpp"

namespace volley::config {

// Whether it is the first byte of a UTF-8 character.
inline bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }

class Columns {
public:
    // Borrows the lines.
    explicit Columns(const std::vector<std::string>& lines) : lines_(lines) {}

    // Calls come nearly in order, so each long line is scanned only once.
    Mark place(const std::string& file, const YAML::Mark& mark);

    // Returns the text from `mark` to the end of its line.
    std::string_view rest(const YAML::Mark& mark) const;

    // Whether the quoted scalar that begins at `mark` ends before the end of the file.
    bool is_closed(const YAML::Mark& mark) const;

private:
    const std::vector<std::string>& lines_;
    std::size_t line_ = 0;
    std::size_t byte_ = 0;
    std::size_t characters_ = 0;
};

}  // namespace volley::config
