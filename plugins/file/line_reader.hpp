// Lines of a file or a pipe, in pages of memory that are lent until the messages of their lines are settled.
// Holds at most one line of the permitted length besides the lent pages. Thread: the owner's.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "source.hpp"

namespace volley::file {

struct Line {
    std::string_view body;   // without its newline and carriage return; valid until release(page)
    std::uint64_t end = 0;   // the position in its file after its newline
    std::uint64_t size = 0;  // of the whole line
    bool is_cut = false;     // it was too long: `body` is only its beginning
    std::uint32_t page = 0;
};

class LineReader {
public:
    explicit LineReader(std::uint64_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

    // Drops the data in memory, and continues at `position` of another file.
    void start(std::uint64_t position);
    // Takes the next complete line in memory, skipping empty lines. The line is lent: call
    // release(line.page).
    bool next(Line& out);
    // Takes the rest without a newline: at the end of a pipe.
    bool last(Line& out);
    // Handles an unfinished line at the end. In a file that may grow, it is dropped and read again when there
    // is more data, because it may change until then.
    enum class Rest { dropped, kept };
    // Reads once. Returns the number of bytes read; 0 at the end, or if a pipe has no data now. Throws
    // system_error.
    std::size_t fill(Source& source, Rest at_the_end);
    // The last fill found a pipe that has no data now but is not at its end.
    bool has_to_wait() const { return has_to_wait_; }
    void release(std::uint32_t page);

    // The position after the last line that was taken.
    std::uint64_t position() const { return position_; }
    std::size_t page_count() const { return pages_.size(); }

private:
    struct Page {
        std::unique_ptr<char[]> bytes;
        std::size_t capacity = 0;
        std::size_t filled = 0;
        std::uint32_t open = 0;  // lines that are lent
    };

    std::size_t rest() const { return page_ == none ? 0 : pages_[page_].filled - at_; }
    std::size_t read_some(Source& source, char* to, std::size_t size);
    void make_room();
    std::uint32_t empty_page(std::size_t capacity);
    void move_to_page(std::uint32_t page, const char* rest, std::size_t size);
    void begin_cut();
    std::size_t fill_behind_cut(Source& source);
    bool give(Line& out, std::size_t size, std::size_t newline);
    bool give_cut(Line& out);

    static constexpr std::uint32_t none = ~std::uint32_t{0};
    std::uint64_t max_line_bytes_;
    std::vector<Page> pages_;
    std::uint32_t page_ = none;   // the page being filled
    std::size_t at_ = 0;          // in it: the first byte not yet taken
    std::size_t searched_ = 0;    // in it: no newline between at_ and here
    std::uint64_t position_ = 0;  // of at_ in the file
    enum class Cut { no, behind, complete } cut_ = Cut::no;
    bool has_to_wait_ = false;
    std::uint64_t cut_size_ = 0;  // of the line that is cut, as far as it was read
};

}  // namespace volley::file
