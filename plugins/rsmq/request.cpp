#include "request.hpp"

#include <charconv>

namespace volley::rsmq {

namespace {

// Words of this size and more are borrowed.
constexpr std::size_t by_reference = 2048;

}  // namespace

void Request::clear() {
    buffer_.clear();
    borrowed_.clear();
    commands_ = 0;
}

void Request::header(char mark, std::size_t number) {
    char text[24];
    text[0] = mark;
    char* end = std::to_chars(text + 1, text + 22, number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    buffer_.append(text, end);
}

void Request::begin(std::size_t words) {
    header('*', words);
    ++commands_;
}

void Request::word(std::string_view text) {
    header('$', text.size());
    if (text.size() < by_reference)
        buffer_.append(text);
    else
        borrowed_.push_back({text.data(), buffer_.size(), text.size()});
    buffer_.append("\r\n", 2);
}

void Request::word(std::string_view text, std::string_view suffix) {
    header('$', text.size() + suffix.size());
    buffer_.append(text).append(suffix).append("\r\n", 2);
}

void Request::command(const Words& words) {
    begin(words.size());
    for (const std::string_view text : words) word(text);
}

std::vector<iovec>& Request::pieces() {
    vectors_.clear();
    std::size_t at = 0;
    for (const Borrowed& b : borrowed_) {
        vectors_.push_back({buffer_.data() + at, b.before - at});
        vectors_.push_back({const_cast<char*>(b.data), b.size});
        at = b.before;
    }
    vectors_.push_back({buffer_.data() + at, buffer_.size() - at});
    return vectors_;
}

}  // namespace volley::rsmq
