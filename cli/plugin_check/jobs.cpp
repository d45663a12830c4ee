#include "plugin_check/jobs.hpp"

#include <algorithm>

#include "plugin_check/call.hpp"

namespace volley::cli::plugin_check {

namespace {

void overwrite(Bytes& bytes) {
    if (bytes) std::fill(bytes->begin(), bytes->end(), '\xDD');
}

void check_view(volley_view view, const std::string& name) {
    require(view.data != nullptr || view.size == 0, name + " has a size but no data",
            "an absent view has data NULL and size 0");
    // Reads it: a view that does not live ends in a crash here.
    static_cast<void>(std::count(static_cast<const char*>(view.data),
                                 static_cast<const char*>(view.data) + view.size, '\0'));
}

}  // namespace

bool is_end_of_job(std::int32_t status) {
    return status == VOLLEY_OK || status == VOLLEY_DROP || status == VOLLEY_AGAIN ||
           (status < 0 && status >= VOLLEY_E_UNSUPPORTED);
}

Jobs::Jobs() { table_ = {sizeof table_, 0, this, &emit, &explain, &finish, &cancelled, &finish_for}; }

volley_task Jobs::add(const Content& content) {
    const std::lock_guard lock(mutex_);
    Job& job = jobs_.emplace_back();
    job.content = content;
    for (const auto& [name, value] : job.content.headers)
        job.headers.push_back({{name.data(), name.size()}, view_of(value)});
    volley_message& m = job.message;
    m.handle = jobs_.size();
    m.body = view_of(job.content.body);
    m.key = view_of(job.content.key);
    m.headers = job.headers.empty() ? nullptr : job.headers.data();
    m.header_count = static_cast<std::uint32_t>(job.headers.size());
    m.delivery_count = 1;
    m.partition = -1;
    m.offset = -1;
    volley_task task{};
    task.job = reinterpret_cast<volley_job*>(&job);
    task.message = &m;
    task.attempt = 1;
    return task;
}

// Requires: the mutex is held. Never null: a job that never was ends the child.
Jobs::Job* Jobs::find(volley_job* job) {
    for (Job& known : jobs_)
        if (reinterpret_cast<volley_job*>(&known) == job) return &known;
    broken("a function of volley_jobs was called for a job that never was", "pass task.job");
}

void Jobs::end(Job& job, std::int32_t status) {
    job.status = status;
    overwrite(job.content.body);
    overwrite(job.content.key);
    for (auto& [name, value] : job.content.headers) overwrite(value);
    changed_.notify_all();
}

void Jobs::returned(volley_job* pointer, std::int32_t status) {
    const std::lock_guard lock(mutex_);
    Job& job = *find(pointer);
    job.has_returned = true;
    if (status == VOLLEY_PENDING) return;
    require(!job.is_finished, "a job was finished, and its task left with " + status_name(status),
            "leave a task VOLLEY_PENDING if its job is finished by `finish`, and only then");
    end(job, status);
}

std::int32_t Jobs::status_of(volley_job* job) {
    const std::lock_guard lock(mutex_);
    return find(job)->status;
}

std::size_t Jobs::pending() {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        jobs_.begin(), jobs_.end(), [](const Job& job) { return job.status == VOLLEY_PENDING; }));
}

bool Jobs::wait(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] {
        return std::none_of(jobs_.begin(), jobs_.end(),
                            [](const Job& job) { return job.status == VOLLEY_PENDING; });
    });
}

std::size_t Jobs::emitted() {
    const std::lock_guard lock(mutex_);
    return emitted_;
}

std::int32_t Jobs::emit(void* context, volley_job* pointer, volley_view output, const volley_record* record,
                        std::uint32_t record_size, volley_error*) {
    Jobs& jobs = *static_cast<Jobs*>(context);
    const std::lock_guard lock(jobs.mutex_);
    if (jobs.find(pointer)->status != VOLLEY_PENDING) return VOLLEY_E_LOST;
    require(record_size >= offsetof(volley_record, headers),
            "emit was called with record_size " + std::to_string(record_size), "pass sizeof(volley_record)");
    check_view(output, "an output's name");
    check_view(record->body, "an output's body");
    check_view(record->key, "an output's key");
    ++jobs.emitted_;
    return VOLLEY_OK;
}

void Jobs::explain(void* context, volley_job* pointer, volley_view text) {
    Jobs& jobs = *static_cast<Jobs*>(context);
    const std::lock_guard lock(jobs.mutex_);
    jobs.find(pointer);
    check_view(text, "the text of explain");
}

void Jobs::finish_one(volley_job* pointer, std::int32_t status) {
    const std::lock_guard lock(mutex_);
    Job& job = *find(pointer);
    require(is_end_of_job(status), "a job was finished with " + status_name(status),
            "finish it with VOLLEY_OK, VOLLEY_DROP or an error");
    if (job.status != VOLLEY_PENDING || job.is_finished) {
        doubt("a job was finished twice", "the second time does nothing; finish each job once");
        return;
    }
    job.is_finished = true;
    end(job, status);
}

void Jobs::finish(void* context, volley_job* job, std::int32_t status, std::uint64_t) {
    static_cast<Jobs*>(context)->finish_one(job, status);
}

std::int32_t Jobs::cancelled(void* context, volley_job* pointer) {
    Jobs& jobs = *static_cast<Jobs*>(context);
    const std::lock_guard lock(jobs.mutex_);
    return jobs.find(pointer)->status == VOLLEY_PENDING ? 0 : 2;
}

void Jobs::finish_for(void* context, volley_job* job, std::int32_t status, std::uint64_t, std::uint32_t) {
    static_cast<Jobs*>(context)->finish_one(job, status);
}

}  // namespace volley::cli::plugin_check
