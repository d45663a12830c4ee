// Parses HTTP/1.1 requests as their bytes arrive. Strict wherever two parsers could disagree about the end of
// a request. No I/O. Thread: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace volley::http {

struct Request {
    std::string method;
    std::string path;  // without the query
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool keeps_alive = true;
    bool expects_continue = false;
    std::optional<std::uint64_t> length;  // nullopt: chunked

    // The value of the first header of this name, in any case; empty: there is none.
    std::string_view header(std::string_view name) const;
};

class RequestParser {
public:
    enum class State {
        head,
        head_done,  // the caller looks at the request and calls read_body, or refuses it
        body,
        done,
        failed  // see status() and reason()
    };

    explicit RequestParser(std::uint64_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

    // Consumes bytes until the state changes. Returns how many it consumed.
    std::size_t feed(std::string_view bytes);
    // Requires: state() is head_done.
    void read_body();
    // For the next request of the connection.
    void reset();

    State state() const { return state_; }
    bool has_begun() const { return state_ != State::head || !line_.empty(); }
    Request& request() { return request_; }
    int status() const { return status_; }
    const char* reason() const { return reason_; }

private:
    enum class Chunk { size, data, data_end, trailer };

    bool fail(int status, const char* reason);
    bool parse_head();
    bool parse_request_line(std::string_view line);
    bool parse_header(std::string_view line);
    bool parse_framing();
    std::size_t feed_head(std::string_view bytes);
    std::size_t feed_length(std::string_view bytes);
    std::size_t feed_chunked(std::string_view bytes);
    // Reads bytes up to the end of a line into line_. Returns whether the line is complete.
    bool take_line(std::string_view bytes, std::size_t& used, std::size_t most);
    void begin_chunk();
    void end_chunk_line();

    std::uint64_t max_body_bytes_;
    State state_ = State::head;
    Request request_;
    std::string line_;  // the head, or a line of a chunked body
    Chunk chunk_ = Chunk::size;
    std::uint64_t left_ = 0;  // of the chunk
    std::size_t trailer_bytes_ = 0;
    int status_ = 0;
    const char* reason_ = "";
};

}  // namespace volley::http
