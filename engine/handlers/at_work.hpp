// Which of its messages a child is at work on, and since when; and what becomes of them when they are out of
// time, or the child is gone. Owned and used by one thread.
//
// Invariant: a child is at work on the oldest messages that it has, as many as it works on at a time, without
// those behind one of their group. A batch counts once: all its messages are at work.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "handlers/open_requests.hpp"

namespace volley::handlers {

class AtWork {
public:
    using Clock = std::chrono::steady_clock;

    // `concurrency`: how many messages, or batches, a child works on at a time. Borrows all references.
    AtWork(const volley_jobs& jobs, OpenRequests& requests, std::uint32_t concurrency)
        : jobs_(jobs), requests_(requests), concurrency_(concurrency) {}

    // Notes which messages are at work now.
    void note(Clock::time_point now);
    // When the first message that is at work has been there for `limit`; the maximum if none is.
    Clock::time_point first_deadline(Clock::duration limit) const;
    // Whether a child that has read so many bytes has begun to read a message that it has not answered.
    bool has_read_any(std::uint64_t bytes_read) const;

    // Fails the messages that have been at work for `limit`; those of a batch run alone in the next child.
    // The others that are at work go on; the rest is not started.
    void time_out(Clock::time_point now, Clock::duration limit, const std::string& why);
    // The child is gone. The message that was at work failed with it; if there were several, each runs alone
    // in the next child, because one of them did it. The rest is not started.
    void blame(std::uint64_t bytes_read, std::uint32_t reason, const std::string& why);
    // The child has ended by itself with several messages at work: each runs alone in the next child, because
    // one of them may end every child. With one or none at work this does nothing.
    void isolate(std::uint64_t bytes_read);

private:
    bool is_counted(const OpenRequest& request, std::uint32_t& at_work);
    bool is_in_company(const OpenRequest& request) const;
    std::vector<OpenRequest*> find_suspects(std::uint64_t bytes_read);

    const volley_jobs& jobs_;
    OpenRequests& requests_;
    std::uint32_t concurrency_;
    std::uint64_t looks_ = 0;           // calls of note()
    std::vector<std::uint64_t> lines_;  // of batches, counted in this look; reused
};

}  // namespace volley::handlers
