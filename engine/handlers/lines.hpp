// The lines of a byte stream, each at most so long: one that is longer is handed out cut, and the rest of it
// is dropped as it comes, so that the memory is bounded.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace volley::handlers {

struct Line {
    std::string_view text;  // without the line's end; of a cut line its beginning
    bool is_cut = false;
};

class LineReader {
public:
    explicit LineReader(std::size_t longest) : longest_(longest) {}

    void append(std::string_view bytes);
    // The next line; nothing: more bytes are needed. It is valid until the next call of any function.
    std::optional<Line> next();
    // Does a line stand that has not ended?
    bool is_inside() const { return begin_ < bytes_.size(); }
    void clear();
    std::size_t longest() const { return longest_; }

private:
    void compact();

    std::size_t longest_;
    std::string bytes_;
    std::size_t begin_ = 0;    // of the next line
    std::size_t scanned_ = 0;  // so far there is no end of it
    bool dropping_ = false;    // the rest of a line that was handed out cut
};

}  // namespace volley::handlers
