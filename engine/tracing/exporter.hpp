// Sends the spans of a queue to a collector, in a thread of its own. A collector that is slow or down costs
// spans, never messages: its outage is logged once, and what cannot be sent is dropped and counted.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tracing/deadline.hpp"
#include "tracing/settings.hpp"
#include "tracing/span_queue.hpp"

namespace volley::tracing {

class Exporter {
public:
    // Borrows both.
    Exporter(const Settings& settings, SpanQueue& queue) : settings_(settings), queue_(queue) {}
    // Sends nothing more.
    ~Exporter();
    Exporter(const Exporter&) = delete;
    Exporter& operator=(const Exporter&) = delete;

    // Returns false if the system has no thread. Call once.
    bool start();
    // Sends what is in the queue, but not longer than `limit`, and ends the thread. Nothing is added to the
    // queue any more.
    void finish(std::chrono::milliseconds limit);

    // Thread: any.
    SpanCounts counts() const;

private:
    void run();
    void send(const std::vector<Span>& batch);
    // What became of one request.
    enum class Sent : std::uint8_t { taken, refused, try_again };
    Sent try_to_send(const std::string& request, std::size_t spans, std::chrono::milliseconds& pause);
    void failed(const std::string& why);
    void succeeded();
    void sleep(std::chrono::milliseconds time);

    const Settings& settings_;
    SpanQueue& queue_;
    StopBy stop_by_;
    std::mutex mutex_;
    std::condition_variable stopping_;
    std::thread thread_;
    std::atomic<std::uint64_t> exported_{0};
    std::atomic<std::uint64_t> refused_{0};
    std::atomic<std::uint64_t> unavailable_{0};
    std::atomic<bool> is_out_{false};  // the collector: no request has succeeded since one failed
    // Of the thread.
    bool has_told_partial_ = false;     // that it rejects some spans
    std::uint64_t dropped_before_ = 0;  // when the outage began
};

}  // namespace volley::tracing
