// The messages that a handler has, and what it says of them. A message's bytes are overwritten when its job
// is over. Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "plugin_check/message.hpp"

namespace volley::cli::plugin_check {

class Jobs {
public:
    Jobs();

    // Given to create.
    const volley_jobs* table() const { return &table_; }

    // Returns a task for a new job.
    volley_task add(const Content& content);
    // Of a job that the call of handle left with this status. VOLLEY_PENDING: the job ends by `finish`.
    void returned(volley_job* job, std::int32_t status);
    // Returns the status of an ended job; VOLLEY_PENDING: it is not over.
    std::int32_t status_of(volley_job* job);
    std::size_t pending();
    // Returns whether nothing is pending before the time is over.
    bool wait(std::chrono::milliseconds timeout);
    std::size_t emitted();

private:
    struct Job {
        Content content;
        std::vector<volley_header> headers;
        volley_message message{};
        bool has_returned = false;  // from handle
        bool is_finished = false;
        std::int32_t status = VOLLEY_PENDING;
    };
    Job* find(volley_job* job);
    void end(Job& job, std::int32_t status);
    void finish_one(volley_job* job, std::int32_t status);

    static std::int32_t emit(void*, volley_job*, volley_view, const volley_record*, std::uint32_t,
                             volley_error*);
    static void explain(void*, volley_job*, volley_view);
    static void finish(void*, volley_job*, std::int32_t, std::uint64_t);
    static std::int32_t cancelled(void*, volley_job*);
    static void finish_for(void*, volley_job*, std::int32_t, std::uint64_t, std::uint32_t);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;
    std::size_t emitted_ = 0;
    volley_jobs table_{};
};

// Returns whether the status is one that a job can end with.
bool is_end_of_job(std::int32_t status);

}  // namespace volley::cli::plugin_check
