#include "testing/side_by_side.hpp"

#include <algorithm>

#include "text/escape.hpp"
#include "text/text.hpp"

namespace volley::cli::testing {

namespace {

constexpr std::size_t widest_left = 60;
constexpr std::size_t most_aligned = 500;  // lines: aligning costs their product
constexpr std::size_t most_rows = 200;

struct Row {
    const std::string* left = nullptr;
    const std::string* right = nullptr;
    bool is_same = false;
};

using Lines = std::vector<std::string>;

// The length of the longest common subsequence of a from i on and b from j on, for all i and j.
std::vector<std::vector<std::size_t>> common_lengths(const Lines& a, const Lines& b) {
    std::vector<std::vector<std::size_t>> length(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = a.size(); i-- > 0;)
        for (std::size_t j = b.size(); j-- > 0;)
            length[i][j] =
                a[i] == b[j] ? length[i + 1][j + 1] + 1 : std::max(length[i + 1][j], length[i][j + 1]);
    return length;
}

// Lines of one side alone stand beside those of the other side.
void flush(std::vector<const std::string*>& left, std::vector<const std::string*>& right,
           std::vector<Row>& rows) {
    for (std::size_t n = 0; n < std::max(left.size(), right.size()); ++n)
        rows.push_back({n < left.size() ? left[n] : nullptr, n < right.size() ? right[n] : nullptr, false});
    left.clear();
    right.clear();
}

std::vector<Row> align(const Lines& a, const Lines& b) {
    std::vector<Row> rows;
    std::vector<const std::string*> left;
    std::vector<const std::string*> right;
    if (a.size() > most_aligned || b.size() > most_aligned) {
        for (std::size_t n = 0; n < std::max(a.size(), b.size()); ++n) {
            const bool is_same = n < a.size() && n < b.size() && a[n] == b[n];
            rows.push_back({n < a.size() ? &a[n] : nullptr, n < b.size() ? &b[n] : nullptr, is_same});
        }
        return rows;
    }
    const auto length = common_lengths(a, b);
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() || j < b.size()) {
        if (i < a.size() && j < b.size() && a[i] == b[j]) {
            flush(left, right, rows);
            rows.push_back({&a[i++], &b[j++], true});
        } else if (j == b.size() || (i < a.size() && length[i + 1][j] >= length[i][j + 1])) {
            left.push_back(&a[i++]);
        } else {
            right.push_back(&b[j++]);
        }
    }
    flush(left, right, rows);
    return rows;
}

std::string escaped(const std::string& line) {
    std::string out;
    text::append_escaped(out, line, line.size(), text::Quotes::plain);
    return out;
}

std::string cut(const std::string& line, std::size_t columns) {
    if (text::display_width(line) <= columns) return line;
    return line.substr(0, text::fitting(line, columns - 1)) + "…";
}

Lines escaped(const Lines& lines) {
    Lines out;
    for (const std::string& line : lines) out.push_back(escaped(line));
    return out;
}

std::string row_text(const std::string& left, char mark, const std::string& right, std::size_t width) {
    std::string out = "    " + left;
    out.append(width - std::min(width, text::display_width(left)), ' ');
    out += std::string(" ") + mark + " " + right;
    while (out.back() == ' ') out.pop_back();
    return out;
}

char mark_of(const Row& row) {
    if (row.is_same) return ' ';
    if (row.left == nullptr) return '>';
    return row.right == nullptr ? '<' : '|';
}

}  // namespace

std::string render(const Difference& difference, bool colours) {
    const Lines expected = escaped(difference.expected);
    const Lines got = escaped(difference.got);
    std::size_t width = std::string_view("expected").size();
    for (const std::string& line : expected) width = std::max(width, text::display_width(line));
    width = std::min(width, widest_left);
    std::string out = "  " + difference.mark.file + ":" + std::to_string(difference.mark.line) + ":" +
                      std::to_string(difference.mark.column) + ": " + escaped(difference.what) + "\n" +
                      row_text("expected", ' ', "got", width) + "\n";
    std::size_t shown = 0;
    const std::vector<Row> rows = align(expected, got);
    for (const Row& row : rows) {
        if (shown++ == most_rows) {
            out += "    … and " + std::to_string(rows.size() - most_rows) + " more lines\n";
            break;
        }
        const std::string line = row_text(row.left != nullptr ? cut(*row.left, width) : "", mark_of(row),
                                          row.right != nullptr ? *row.right : "", width);
        out += colours && !row.is_same ? "\x1b[31m" + line + "\x1b[0m\n" : line + "\n";
    }
    return out;
}

}  // namespace volley::cli::testing
