#include "handlers/lines.hpp"

namespace volley::handlers {

namespace {

constexpr std::size_t kept_capacity = 1 << 20;  // memory beyond this is freed after long lines

}  // namespace

void LineReader::append(std::string_view bytes) {
    if (dropping_) {
        const std::size_t end = bytes.find('\n');
        if (end == std::string_view::npos) return;
        dropping_ = false;
        bytes.remove_prefix(end + 1);
    }
    compact();
    bytes_ += bytes;
}

std::optional<Line> LineReader::next() {
    const std::size_t end = bytes_.find('\n', scanned_);
    if (end != std::string::npos) {
        Line line{std::string_view(bytes_).substr(begin_, end - begin_)};
        begin_ = scanned_ = end + 1;
        line.is_cut = line.text.size() > longest_;
        if (line.is_cut) line.text = line.text.substr(0, longest_);
        return line;
    }
    scanned_ = bytes_.size();
    if (scanned_ - begin_ <= longest_) return std::nullopt;
    const Line line{std::string_view(bytes_).substr(begin_, longest_), true};
    begin_ = scanned_;
    dropping_ = true;
    return line;
}

void LineReader::clear() {
    bytes_.clear();
    begin_ = scanned_ = 0;
    dropping_ = false;
}

void LineReader::compact() {
    bytes_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
    if (bytes_.empty() && bytes_.capacity() > kept_capacity) bytes_.shrink_to_fit();
}

}  // namespace volley::handlers
