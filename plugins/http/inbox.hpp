// Passes requests from the clients' thread to the consumer's thread, and answers back. Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "answer.hpp"
#include "request_parser.hpp"

namespace volley::http {

// A request that is a message. It lives until its message is settled, even if its client disconnects.
struct Exchange {
    std::uint64_t number = 0;  // of its own
    Request request;
    std::optional<std::string> key;
    std::string id;
    std::vector<std::pair<std::string, std::string>> headers;
    std::int64_t received_ms = 0;
};

struct NumberedAnswer {
    std::uint64_t number;
    Answer answer;
};

class Inbox {
public:
    using Clock = std::chrono::steady_clock;
    explicit Inbox(std::size_t capacity) : capacity_(capacity) {}

    // The clients' side. put returns false if there is no room.
    bool put(std::shared_ptr<Exchange> exchange);
    bool has_room();
    // Removes a request that the consumer has not taken. Returns false if it has been taken.
    bool take_back(std::uint64_t number);
    std::vector<NumberedAnswer> take_answers();

    // The consumer's side. Waits for the first request, then takes all available ones.
    std::vector<std::shared_ptr<Exchange>> take(std::size_t most, std::uint64_t most_bytes,
                                                Clock::time_point until);
    void wait(Clock::time_point until);
    void interrupt();
    void answer(std::uint64_t number, Answer answer);
    std::size_t size();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t capacity_;
    std::deque<std::shared_ptr<Exchange>> queue_;
    std::vector<NumberedAnswer> answers_;
    bool interrupted_ = false;
};

}  // namespace volley::http
