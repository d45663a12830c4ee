#include "table.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "text/escape.hpp"

namespace volley::cli {

namespace {

constexpr std::size_t longest_cell = 1024;

// No columns if there is no terminal.
std::size_t terminal_width() {
    winsize size{};
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col;
}

// Characters, as far as a column needs to know: code points.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string cut_to(const std::string& text, std::size_t width) {
    if (width_of(text) <= width) return text;
    std::string out;
    std::size_t used = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
        if (begins && ++used >= width) break;
        out += text[i];
    }
    return out + "…";
}

std::vector<std::string> table_lines(const std::vector<std::vector<std::string>>& rows, std::size_t width) {
    std::vector<std::vector<std::string>> cells;
    std::vector<std::size_t> widths(rows.front().size(), 0);
    for (const auto& row : rows) {
        auto& line = cells.emplace_back();
        for (std::size_t c = 0; c < row.size(); ++c) {
            text::append_escaped(line.emplace_back(), row[c], longest_cell, text::Quotes::plain);
            widths[c] = std::max(widths[c], width_of(line.back()));
        }
    }
    std::size_t left = width;
    for (std::size_t c = 0; c + 1 < widths.size(); ++c) left -= std::min(left, widths[c] + 2);
    std::vector<std::string> lines;
    for (const auto& row : cells) {
        std::string& line = lines.emplace_back();
        for (std::size_t c = 0; c < row.size(); ++c) {
            const bool last = c + 1 == row.size();
            line += last && left > 1 ? cut_to(row[c], left) : row[c];
            if (!last) line.append(widths[c] - width_of(row[c]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
    }
    return lines;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
    for (const std::string& line : table_lines(rows, terminal_width())) std::printf("%s\n", line.c_str());
}

}  // namespace volley::cli
