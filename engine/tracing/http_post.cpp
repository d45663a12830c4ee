#include "tracing/http_post.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "tracing/connection.hpp"

namespace volley::tracing {

namespace {

constexpr std::size_t most_head = 64 * 1024;
constexpr std::size_t most_body = 64 * 1024;
constexpr std::chrono::milliseconds longest_body{1'000};  // the status says enough
constexpr std::string_view empty_line = "\r\n\r\n";
constexpr std::string_view last_chunk = "\r\n0\r\n\r\n";  // of a body in chunks: an empty one

std::string head_of_request(const Endpoint& endpoint, const Pairs& headers, std::size_t size) {
    std::string out = "POST " + endpoint.path + " HTTP/1.1\r\nHost: " + endpoint.authority() +
                      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(size) +
                      "\r\nUser-Agent: volley/" VOLLEY_VERSION
                      "\r\nAccept: application/json\r\n"
                      "Connection: close\r\n";
    for (const auto& [name, value] : headers) {
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    return out + "\r\n";
}

bool is_header(std::string_view name, std::string_view lower_case) {
    return std::equal(name.begin(), name.end(), lower_case.begin(), lower_case.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

template <typename Number>
bool read_number(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

// Whatever comes before the body. 1xx answers are skipped.
Result<AnswerHead> receive_head(Connection& connection, std::string& bytes, const Deadline& deadline) {
    char buffer[8192];
    for (;;) {
        const std::size_t end = bytes.find(empty_line);
        if (end != std::string::npos) {
            auto head = read_head(std::string_view(bytes).substr(0, end + 2));
            bytes.erase(0, end + empty_line.size());
            if (!head || head->status >= 200) return head;
            continue;
        }
        if (bytes.size() > most_head)
            return Error(ErrorCode::retry, "the headers of the answer are larger than 64 KiB");
        const auto got = connection.read(buffer, sizeof buffer, deadline);
        if (!got) return got.error();
        if (*got == 0)
            return Error(ErrorCode::retry, "the collector closes the connection without an answer");
        bytes.append(buffer, *got);
    }
}

void receive_body(Connection& connection, std::string& bytes, std::size_t content_length,
                  const Deadline& deadline) {
    const std::size_t wanted = std::min(content_length, most_body);
    const auto has_last_chunk = [&bytes] {
        return bytes == last_chunk.substr(2) ||
               (bytes.size() >= last_chunk.size() &&
                bytes.compare(bytes.size() - last_chunk.size(), last_chunk.size(), last_chunk) == 0);
    };
    char buffer[8192];
    while (bytes.size() < wanted && !(content_length == std::string_view::npos && has_last_chunk())) {
        const auto got = connection.read(buffer, sizeof buffer, deadline);
        if (!got || *got == 0) break;
        bytes.append(buffer, *got);
    }
    bytes.resize(std::min(bytes.size(), wanted));
}

}  // namespace

Result<AnswerHead> read_head(std::string_view head) {
    const Error garbled(ErrorCode::retry, "the answer is not HTTP");
    constexpr std::string_view version = "HTTP/1.";
    constexpr std::size_t least = std::string_view("HTTP/1.1 200").size();
    AnswerHead read;
    if (head.size() < least || head.substr(0, version.size()) != version || head[8] != ' ') return garbled;
    if (!read_number(head.substr(9, 3), read.status) || read.status < 100 || read.status > 599)
        return garbled;
    for (std::size_t at = head.find("\r\n"); at < head.size();) {
        at += 2;
        const std::size_t end = std::min(head.find("\r\n", at), head.size());
        const std::string_view line = head.substr(at, end - at);
        at = end;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, colon);
        std::string_view value = line.substr(colon + 1);
        value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
        value = value.substr(0, value.find_last_not_of(" \t") + 1);
        std::uint32_t seconds = 0;
        if (is_header(name, "retry-after") && read_number(value, seconds))
            read.retry_after = std::chrono::seconds(seconds);
        if (is_header(name, "content-length")) read_number(value, read.content_length);
    }
    return read;
}

Result<Answer> post(const Endpoint& endpoint, const Pairs& headers, std::string_view json,
                    const Deadline& deadline) {
    auto connection = Connection::open(endpoint, deadline);
    if (!connection) return connection.error();
    auto written = connection->write(head_of_request(endpoint, headers, json.size()), deadline);
    if (written) written = connection->write(json, deadline);
    // A collector that refuses a request may answer and close before it has read all of it.
    Answer answer;
    const auto head = receive_head(*connection, answer.body, deadline);
    if (!head) return written ? head.error() : written.error();
    answer.status = head->status;
    answer.retry_after = head->retry_after;
    const Deadline of_body{std::min(deadline.own, Clock::now() + longest_body), deadline.stop_by};
    receive_body(*connection, answer.body, head->content_length, of_body);
    return answer;
}

}  // namespace volley::tracing
