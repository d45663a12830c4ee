// The sending thread: sends several requests at the same time with libcurl, and reports each record once.
// Thread: start and stop: the intake's; give: any.
#pragma once

#include <curl/curl.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "config.hpp"
#include "send_queue.hpp"
#include "transfer.hpp"

namespace volley::http {

class Sender {
public:
    using Report = std::function<void(std::uint64_t token, const Verdict& verdict)>;

    Sender(const ClientConfig& config, Report report);
    ~Sender() { stop(std::chrono::milliseconds(0)); }
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;

    // Throws Error{retry} if there is no thread or no memory for it.
    void start();
    // Takes the first of these records for which there is room. Returns how many.
    std::uint32_t give(const volley_record* records, std::uint32_t count, std::uint32_t stride);
    // Starts no more requests, waits this long for those in progress, reports the rest, and ends the thread.
    void stop(std::chrono::milliseconds timeout);

private:
    using Clock = std::chrono::steady_clock;
    // A record in progress, or one whose report waits for the end of the server's Retry-After.
    struct Flight {
        volley_record record;
        std::unique_ptr<Transfer> transfer;
    };
    struct Paused {
        volley_record record;
        Verdict verdict;
        Clock::time_point until;
    };

    void run();
    void take_given();
    void begin_requests();
    void begin(const volley_record& record);
    void end_requests();
    void ended(CURL* easy, CURLcode code);
    void judged(const volley_record& record, const Verdict& verdict);
    void end_pauses(bool all);
    void give_up(const volley_record& record, std::int32_t status, const char* why);
    bool is_over() const;
    int next_wait_ms() const;

    ClientConfig config_;
    Report report_;
    std::thread thread_;
    std::unique_ptr<CURLM, decltype(&::curl_multi_cleanup)> multi_{nullptr, &::curl_multi_cleanup};

    std::mutex mutex_;  // guards given_ and held_
    std::deque<volley_record> given_;
    std::size_t held_ = 0;  // records that were given and not reported
    std::atomic<bool> stops_{false};
    std::atomic<std::int64_t> stop_ms_{0};

    SendQueue queue_;  // this and the following belong to the thread
    std::deque<Flight> flights_;
    std::vector<std::unique_ptr<Transfer>> idle_;
    std::deque<Paused> paused_;
    Clock::time_point held_until_;  // the server asked for a pause
};

}  // namespace volley::http
