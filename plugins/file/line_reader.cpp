#include "line_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace volley::file {

namespace {

// One open message keeps a page, so pages are small.
constexpr std::size_t page_bytes = 64 * 1024;
constexpr std::size_t read_bytes = 32 * 1024;
// The part of a line that is too long: as much as a dead letter keeps.
constexpr std::size_t cut_bytes = 16 * 1024;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

void LineReader::start(std::uint64_t position) {
    page_ = none;
    at_ = searched_ = 0;
    position_ = position;
    cut_ = Cut::no;
}

std::uint32_t LineReader::empty_page(std::size_t capacity) {
    std::uint32_t i = 0;
    while (i < pages_.size() && (pages_[i].open > 0 || i == page_)) ++i;
    if (i == pages_.size()) pages_.emplace_back();
    Page& page = pages_[i];
    // A page of a long line is not kept for short ones.
    if (page.capacity < capacity || page.capacity > 4 * std::max(capacity, page_bytes)) {
        page.bytes.reset();
        page.bytes.reset(new char[capacity]);
        page.capacity = capacity;
    }
    page.filled = 0;
    return i;
}

void LineReader::move_to_page(std::uint32_t page, const char* rest, std::size_t size) {
    Page& to = pages_[page];
    std::memcpy(to.bytes.get() + to.filled, rest, size);
    to.filled += size;
}

void LineReader::make_room() {
    if (page_ != none && pages_[page_].filled < pages_[page_].capacity) return;
    const std::size_t carried = rest();
    const std::uint32_t page = empty_page(std::max(page_bytes, 2 * carried));
    if (carried > 0) move_to_page(page, pages_[page_].bytes.get() + at_, carried);
    searched_ -= std::min(searched_, at_);
    at_ = 0;
    page_ = page;
}

std::size_t LineReader::read_some(Source& source, char* to, std::size_t size) {
    const std::uint64_t held = cut_ == Cut::behind ? cut_size_ : rest();
    if (!source.is_stream) return read_at(source.fd.get(), source.path, to, size, position_ + held);
    has_to_wait_ = false;
    for (;;) {
        const ssize_t n = ::read(source.fd.get(), to, size);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno == EAGAIN) return has_to_wait_ = true, 0;
        if (errno != EINTR) throw system_error(source.path, "cannot be read", errno);
    }
}

std::size_t LineReader::fill(Source& source, Rest at_the_end) {
    if (cut_ == Cut::behind) return fill_behind_cut(source);
    make_room();
    Page& page = pages_[page_];
    const std::size_t n = read_some(source, page.bytes.get() + page.filled, page.capacity - page.filled);
    page.filled += n;
    if (n == 0 && at_the_end == Rest::dropped) {
        page.filled = at_;
        searched_ = at_;
    }
    return n;
}

// The line is longer than permitted: keeps only its beginning, and searches for its end.
void LineReader::begin_cut() {
    cut_ = Cut::behind;
    cut_size_ = rest();
    pages_[page_].filled =
        at_ + static_cast<std::size_t>(std::min<std::uint64_t>(cut_bytes, max_line_bytes_));
}

std::size_t LineReader::fill_behind_cut(Source& source) {
    char bytes[read_bytes];
    const std::size_t n = read_some(source, bytes, sizeof bytes);
    const void* newline = std::memchr(bytes, '\n', n);
    if (newline == nullptr) {
        cut_size_ += n;
        return n;
    }
    const std::size_t end = static_cast<std::size_t>(static_cast<const char*>(newline) - bytes) + 1;
    cut_size_ += end;
    const std::size_t kept = rest();
    const std::uint32_t page = empty_page(std::max(page_bytes, kept + n));
    move_to_page(page, pages_[page_].bytes.get() + at_, kept);
    move_to_page(page, bytes + end, n - end);
    page_ = page;
    at_ = 0;
    searched_ = kept;
    cut_ = Cut::complete;
    return n;
}

bool LineReader::give_cut(Line& out) {
    const std::size_t kept = searched_ - at_;
    out.body = {pages_[page_].bytes.get() + at_, kept};
    out.size = cut_size_;
    out.end = position_ + cut_size_;
    out.is_cut = true;
    out.page = page_;
    ++pages_[page_].open;
    at_ += kept;
    position_ = out.end;
    cut_ = Cut::no;
    return true;
}

// Returns the line of `size` bytes at at_, and skips the bytes of its newline. Returns false if the line is
// empty.
bool LineReader::give(Line& out, std::size_t size, std::size_t newline) {
    Page& page = pages_[page_];
    std::string_view body(page.bytes.get() + at_, size);
    if (position_ == 0 && body.substr(0, byte_order_mark.size()) == byte_order_mark)
        body.remove_prefix(byte_order_mark.size());
    if (newline > 0 && !body.empty() && body.back() == '\r') body.remove_suffix(1);
    at_ += size + newline;
    searched_ = at_;
    position_ += size + newline;
    if (body.empty()) return false;
    out.size = body.size();
    out.is_cut = body.size() > max_line_bytes_;
    out.body = out.is_cut ? body.substr(0, std::min<std::uint64_t>(cut_bytes, max_line_bytes_)) : body;
    out.end = position_;
    out.page = page_;
    ++page.open;
    return true;
}

bool LineReader::next(Line& out) {
    if (cut_ == Cut::complete) return give_cut(out);
    while (page_ != none && cut_ == Cut::no) {
        const Page& page = pages_[page_];
        const char* from = page.bytes.get() + searched_;
        const void* newline = std::memchr(from, '\n', page.filled - searched_);
        if (newline == nullptr) {
            searched_ = page.filled;
            if (rest() > max_line_bytes_ + byte_order_mark.size() + 1) begin_cut();
            return false;
        }
        const std::size_t end =
            searched_ + static_cast<std::size_t>(static_cast<const char*>(newline) - from);
        if (give(out, end - at_, 1)) return true;
    }
    return false;
}

bool LineReader::last(Line& out) {
    if (cut_ == Cut::behind) {
        searched_ = pages_[page_].filled;
        return give_cut(out);
    }
    return rest() > 0 && give(out, rest(), 0);
}

void LineReader::release(std::uint32_t page) { --pages_[page].open; }

}  // namespace volley::file
