// Rows of text in columns, for people. Hostile bytes are escaped; on a terminal no line is wider than it.
#pragma once

#include <string>
#include <vector>

namespace volley::cli {

// The first row is the heading; every row has as many cells as it. The last column takes what is left of the
// width; width 0: it is not cut.
std::vector<std::string> table_lines(const std::vector<std::vector<std::string>>& rows, std::size_t width);

// The first `width` characters of a text, with an ellipsis if there are more.
std::string cut_to(const std::string& text, std::size_t width);

// Prints to standard output, as wide as the terminal.
void print_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace volley::cli
