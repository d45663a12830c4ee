// Rows of text in columns, for people. Hostile bytes are escaped; on a terminal no line is wider than it.
#pragma once

#include <string>
#include <vector>

namespace volley::cli {

// Prints to standard output. The first row is the heading; every row has as many cells as it. The last column
// takes what is left of the terminal's width.
void print_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace volley::cli
