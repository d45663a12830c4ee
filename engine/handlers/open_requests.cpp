#include "handlers/open_requests.hpp"

#include "volley/view.hpp"

namespace volley::handlers {

void explain(const volley_jobs& jobs, const OpenRequest& request, std::string_view why) {
    jobs.explain(jobs.context, request.job, view_of(why));
}

void OpenRequests::add(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
    ++batches_;
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_task& task = element(tasks, stride, i);
        task.status = VOLLEY_PENDING;
        OpenRequest request;
        request.batch = batches_;
        request.job = task.job;
        request.message = task.message;
        request.attempt = task.attempt;
        request.group = task.group;
        requests_.push_back(request);
        if (task.group != 0) groups_.add(task.group);
    }
}

void OpenRequests::begin_child() {
    for (OpenRequest& request : requests_) {
        request.is_sent = request.is_told = request.is_skipped = request.has_outputs = false;
        request.at_work_since = {};
        request.line = 0;
    }
    groups_.begin_child();
    in_child_ = 0;
}

OpenRequest* OpenRequests::in_child(std::optional<std::uint64_t> id) {
    if (!id || *id < first_id_ || *id - first_id_ >= requests_.size()) return nullptr;
    OpenRequest& request = requests_[*id - first_id_];
    return request.is_in_child() ? &request : nullptr;
}

void OpenRequests::send(OpenRequest& request, std::uint64_t begins_at) {
    request.begins_at = begins_at;
    request.is_sent = true;
    ++in_child_;
}

void OpenRequests::recall(OpenRequest& request) {
    request.is_sent = false;
    request.is_alone = true;
    request.at_work_since = {};
    --in_child_;
}

void OpenRequests::skip(OpenRequest& request) {
    request.is_skipped = true;
    --in_child_;
    if (request.group != 0) ++groups_[request.group].skipped;
    judge_skipped(request.group);
}

void OpenRequests::finish(OpenRequest& request, std::int32_t status, std::uint64_t after_ms,
                          std::uint32_t reason) {
    if (request.is_in_child()) --in_child_;
    request.is_done = true;
    ++finished_;
    jobs_.finish_for(jobs_.context, request.job, status, after_ms, reason);
    if (request.group == 0) return;
    const bool has_failed = status != VOLLEY_OK && status != VOLLEY_DROP;
    if (groups_.finish(request.group, request.is_skipped, has_failed)) judge_skipped(request.group);
}

// A message may be skipped only if an earlier one of its group has failed. Otherwise it would come back
// without end. The answers may come in another order.
void OpenRequests::judge_skipped(std::uint32_t group) {
    bool is_first = true;
    for (OpenRequest& request : requests_) {
        if (request.is_done || request.group != group) continue;
        if (group == 0 && !request.is_skipped) continue;
        if (request.is_skipped) {
            const bool is_behind_a_failure = group != 0 && groups_[group].has_failed;
            if (is_behind_a_failure) return finish(request, VOLLEY_AGAIN);  // that judges the others
            if (!is_first) return;
            explain(jobs_, request,
                    "the handler skipped it, and nothing before it in its ordering group has failed");
            return finish(request, VOLLEY_E_RETRY);
        }
        is_first = false;
    }
}

void OpenRequests::drop_finished() {
    while (!requests_.empty() && requests_.front().is_done) {
        requests_.pop_front();
        ++first_id_;
    }
}

void give_back(OpenRequests& requests) {
    for (OpenRequest& request : requests.all())
        if (!request.is_done) requests.finish(request, VOLLEY_AGAIN);
    requests.drop_finished();
}

void give_back_but_alone(OpenRequests& requests) {
    for (OpenRequest& request : requests.all())
        if (!request.is_done && !request.is_alone) requests.finish(request, VOLLEY_AGAIN);
    requests.drop_finished();
}

}  // namespace volley::handlers
