#include "request_parser.hpp"

#include <algorithm>
#include <charconv>

#include "header_text.hpp"

namespace volley::http {

namespace {

constexpr std::size_t most_head_bytes = 16 * 1024;
constexpr std::size_t most_line_bytes = 1024;
constexpr std::string_view blank = " \t";

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
    });
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
    for (const auto& [known, value] : headers) {
        if (equals_without_case(known, name)) return value;
    }
    return {};
}

bool RequestParser::fail(int status, const char* reason) {
    state_ = State::failed;
    status_ = status;
    reason_ = reason;
    return false;
}

void RequestParser::reset() { *this = RequestParser(max_body_bytes_); }

std::size_t RequestParser::feed(std::string_view bytes) {
    if (state_ == State::head) return feed_head(bytes);
    if (state_ == State::body) return request_.length ? feed_length(bytes) : feed_chunked(bytes);
    return 0;
}

std::size_t RequestParser::feed_head(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size()) {
        const char c = bytes[used++];
        line_.push_back(c);
        if (line_ == "\r\n") line_.clear();  // before a request, which some clients send
        if (c == '\n' && line_.size() >= 4 && line_.compare(line_.size() - 4, 4, "\r\n\r\n") == 0) {
            if (parse_head()) state_ = State::head_done;
            line_.clear();
            return used;
        }
        if (line_.size() > most_head_bytes) {
            fail(431, "the head of the request is larger than 16 KiB");
            return used;
        }
    }
    return used;
}

bool RequestParser::parse_head() {
    std::string_view head(line_);
    head.remove_suffix(2);
    bool is_first = true;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        if (line.find_first_of("\r\n") != std::string_view::npos)
            return fail(400, "a line does not end in CR LF");
        if (is_first ? !parse_request_line(line) : !parse_header(line)) return false;
        is_first = false;
        head.remove_prefix(end + 2);
    }
    return parse_framing();
}

bool RequestParser::parse_request_line(std::string_view line) {
    const std::size_t first = line.find(' '), last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || first == 0)
        return fail(400, "the request line is malformed");
    request_.method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!std::all_of(request_.method.begin(), request_.method.end(), is_token_character) || target.empty() ||
        target.find_first_of(" \t") != std::string_view::npos || !is_printable(target))
        return fail(400, "the request line is malformed");
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return fail(505, "only HTTP/1.1 and HTTP/1.0 are understood");
    request_.keeps_alive = version == "HTTP/1.1";
    request_.path = target.substr(0, target.find('?'));
    return true;
}

bool RequestParser::parse_header(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return fail(400, "a header is malformed");
    const std::string_view name = line.substr(0, colon), value = trimmed(line.substr(colon + 1));
    if (!std::all_of(name.begin(), name.end(), is_token_character) || !is_printable(value))
        return fail(400, "a header is malformed");
    request_.headers.emplace_back(name, value);
    return true;
}

bool RequestParser::parse_framing() {
    bool is_chunked = false;
    for (const auto& [name, value] : request_.headers) {
        if (equals_without_case(name, "Content-Length")) {
            std::uint64_t length = 0;
            const auto parsed = std::from_chars(value.data(), value.data() + value.size(), length);
            if (value.empty() || parsed.ec != std::errc{} || parsed.ptr != value.data() + value.size() ||
                (request_.length && *request_.length != length))
                return fail(400, "Content-Length is malformed");
            request_.length = length;
        } else if (equals_without_case(name, "Transfer-Encoding")) {
            if (is_chunked || !equals_without_case(value, "chunked"))
                return fail(501, "of transfer encodings, only chunked is understood");
            is_chunked = true;
        } else if (equals_without_case(name, "Connection")) {
            if (equals_without_case(value, "close")) request_.keeps_alive = false;
            if (equals_without_case(value, "keep-alive")) request_.keeps_alive = true;
        } else if (equals_without_case(name, "Expect")) {
            if (!equals_without_case(value, "100-continue"))
                return fail(417, "the expectation cannot be met");
            request_.expects_continue = true;
        }
    }
    if (is_chunked && request_.length)
        return fail(400, "both Content-Length and Transfer-Encoding are given");
    if (!is_chunked && !request_.length) request_.length = 0;
    if (request_.length && *request_.length > max_body_bytes_) return fail(413, "the body is too large");
    return true;
}

void RequestParser::read_body() {
    state_ = State::body;
    if (request_.length && *request_.length == 0) state_ = State::done;
}

std::size_t RequestParser::feed_length(std::string_view bytes) {
    const auto missing = static_cast<std::size_t>(*request_.length - request_.body.size());
    const std::size_t used = std::min(missing, bytes.size());
    request_.body.append(bytes.substr(0, used));
    if (request_.body.size() == *request_.length) state_ = State::done;
    return used;
}

bool RequestParser::take_line(std::string_view bytes, std::size_t& used, std::size_t most) {
    while (used < bytes.size()) {
        line_.push_back(bytes[used++]);
        if (line_.size() >= 2 && line_.compare(line_.size() - 2, 2, "\r\n") == 0) {
            line_.resize(line_.size() - 2);
            return true;
        }
        if (line_.size() > most) return fail(400, "a line of the chunked body is too long");
    }
    return false;
}

void RequestParser::begin_chunk() {
    const std::string_view digits = trimmed(std::string_view(line_).substr(0, line_.find(';')));
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
    if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
        fail(400, "the size of a chunk is malformed");
    } else if (left_ > max_body_bytes_ - request_.body.size()) {
        fail(413, "the body is too large");
    } else {
        chunk_ = left_ == 0 ? Chunk::trailer : Chunk::data;
    }
}

void RequestParser::end_chunk_line() {
    switch (chunk_) {
        case Chunk::size:
            begin_chunk();
            break;
        case Chunk::data_end:
            if (!line_.empty()) fail(400, "a chunk is longer than its size");
            chunk_ = Chunk::size;
            break;
        case Chunk::trailer:
            trailer_bytes_ += line_.size();
            if (line_.empty())
                state_ = State::done;
            else if (trailer_bytes_ > most_head_bytes)
                fail(431, "the trailer is too large");
            break;
        case Chunk::data:
            break;
    }
    line_.clear();
}

std::size_t RequestParser::feed_chunked(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ == State::body) {
        if (chunk_ == Chunk::data) {
            const std::size_t n =
                static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - used));
            request_.body.append(bytes.substr(used, n));
            used += n;
            left_ -= n;
            if (left_ == 0) chunk_ = Chunk::data_end;
        } else if (take_line(bytes, used, most_line_bytes)) {
            end_chunk_line();
        }
    }
    return used;
}

}  // namespace volley::http
