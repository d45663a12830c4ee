// Splits a byte stream into lines of limited length, in limited memory. A longer line is returned cut, and
// the rest of it is discarded.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace volley::handlers {

struct Line {
    std::string_view text;  // without the end of line; of a cut line its beginning
    bool is_cut = false;
};

class LineReader {
public:
    explicit LineReader(std::size_t longest) : longest_(longest) {}

    void append(std::string_view bytes);
    // Returns the next line, or nothing if it needs more bytes. Valid until the next call of any function.
    std::optional<Line> next();
    // Whether there is a line without its end.
    bool is_inside() const { return begin_ < bytes_.size(); }
    void clear();
    std::size_t longest() const { return longest_; }

private:
    void compact();

    std::size_t longest_;
    std::string bytes_;
    std::size_t begin_ = 0;    // of the next line
    std::size_t scanned_ = 0;  // no end of line before this position
    bool dropping_ = false;    // the rest of a line that was cut
};

}  // namespace volley::handlers
