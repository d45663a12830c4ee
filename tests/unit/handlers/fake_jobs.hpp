// The engine's side of a handler, which counts what it is told of each job.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "volley/plugin.h"
#include "volley/view.hpp"

namespace volley::handlers {

constexpr std::int32_t no_status_yet = 4711;

class FakeJobs {
public:
    struct Job {
        volley_message message{};
        std::string body;
        std::vector<std::string> outputs;  // bodies; "(none)" for a tombstone
        std::string explanation;
        std::int32_t cancelled = 0;
        int finished = 0;  // how often
    };

    // `groups` has one entry a message; 0: none.
    explicit FakeJobs(const std::vector<std::uint32_t>& groups) : jobs(groups.size()), tasks(groups.size()) {
        table.struct_size = sizeof table;
        table.context = this;
        table.emit = &emit;
        table.explain = &explain;
        table.finish_for = &finish;
        table.cancelled = [](void*, volley_job* job) { return reinterpret_cast<Job*>(job)->cancelled; };
        for (std::size_t i = 0; i < groups.size(); ++i) {
            jobs[i].body = "message " + std::to_string(i);
            jobs[i].message.body = view_of(jobs[i].body);
            tasks[i] = {};
            tasks[i].job = reinterpret_cast<volley_job*>(&jobs[i]);
            tasks[i].message = &jobs[i].message;
            tasks[i].attempt = 1;
            tasks[i].status = no_status_yet;
            tasks[i].group = groups[i];
        }
    }
    FakeJobs(const FakeJobs&) = delete;
    FakeJobs& operator=(const FakeJobs&) = delete;

    bool is_over() const {
        return std::all_of(jobs.begin(), jobs.end(), [](const Job& job) { return job.finished > 0; });
    }
    std::uint32_t count() const { return static_cast<std::uint32_t>(tasks.size()); }

    volley_jobs table{};
    std::vector<Job> jobs;
    std::vector<volley_task> tasks;

private:
    static std::int32_t emit(void*, volley_job* job, volley_view, const volley_record* record, std::uint32_t,
                             volley_error*) {
        auto& outputs = reinterpret_cast<Job*>(job)->outputs;
        outputs.push_back(is_absent(record->body) ? "(none)" : std::string(text_of(record->body)));
        return VOLLEY_OK;
    }
    static void finish(void* self, volley_job* handle, std::int32_t status, std::uint64_t retry_after_ms,
                       std::uint32_t reason) {
        auto& fake = *static_cast<FakeJobs*>(self);
        Job& job = *reinterpret_cast<Job*>(handle);
        ++job.finished;
        volley_task& task = fake.tasks[static_cast<std::size_t>(&job - fake.jobs.data())];
        task.status = status;
        task.retry_after_ms = retry_after_ms;
        task.reason = reason;
    }
    static void explain(void*, volley_job* job, volley_view text) {
        reinterpret_cast<Job*>(job)->explanation = text_of(text);
    }
};

}  // namespace volley::handlers
