// Between the thread that has the clients and the one that has the consumer: requests one way, answers the
// other. Thread: any.
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

// A request that is a message. It lives until its message is settled, whatever becomes of its client.
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

    // The clients' side. put: false, there is no room.
    bool put(std::shared_ptr<Exchange> exchange);
    bool has_room();
    // Takes one back that the consumer has not taken. Returns false if it has.
    bool take_back(std::uint64_t number);
    std::vector<NumberedAnswer> take_answers();

    // The consumer's side. Waits for the first, then takes what is there.
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
