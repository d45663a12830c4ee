#include "handlers/at_work.hpp"

#include <algorithm>
#include <utility>

namespace volley::handlers {

void AtWork::note(Clock::time_point now) {
    ++looks_;
    lines_.clear();
    std::uint32_t at_work = 0;
    for (OpenRequest& request : requests_.all()) {
        if (!request.is_in_child()) continue;
        if (request.line == 0 && at_work >= concurrency_) return;
        if (!is_counted(request, at_work)) continue;
        if (request.at_work_since == Clock::time_point{}) request.at_work_since = now;
    }
}

bool AtWork::is_counted(const OpenRequest& request, std::uint32_t& at_work) {
    if (request.line != 0) {
        if (std::find(lines_.begin(), lines_.end(), request.line) != lines_.end()) return true;
        if (at_work >= concurrency_) return false;
        lines_.push_back(request.line);
    } else if (request.group != 0) {
        RequestGroup& group = requests_.groups()[request.group];
        if (group.looked_at == looks_) return false;
        group.looked_at = looks_;
    }
    ++at_work;
    return true;
}

AtWork::Clock::time_point AtWork::first_deadline(Clock::duration limit) const {
    auto first = Clock::time_point::max();
    for (const OpenRequest& request : std::as_const(requests_).all()) {
        if (request.is_done || request.at_work_since == Clock::time_point{}) continue;
        first = std::min(first, request.at_work_since + limit);
    }
    return first;
}

bool AtWork::has_read_any(std::uint64_t bytes_read) const {
    const auto& requests = std::as_const(requests_).all();
    return std::any_of(requests.begin(), requests.end(), [&](const OpenRequest& request) {
        return request.is_in_child() && request.begins_at < bytes_read;
    });
}

void AtWork::time_out(Clock::time_point now, Clock::duration limit, const std::string& why) {
    for (OpenRequest& request : requests_.all()) {
        if (request.is_done) continue;
        if (request.at_work_since == Clock::time_point{}) {
            if (!request.is_alone) requests_.finish(request, VOLLEY_AGAIN);
        } else if (request.at_work_since + limit <= now) {
            // Nobody knows which message of a batch took so long.
            if (is_in_company(request) && !request.has_outputs) {
                requests_.recall(request);
            } else {
                explain(jobs_, request, why);
                requests_.finish(request, VOLLEY_E_RETRY, 0, VOLLEY_REASON_TIMEOUT);
            }
        }
    }
    requests_.drop_finished();
}

// Whether another message of the same batch is not answered either.
bool AtWork::is_in_company(const OpenRequest& request) const {
    if (request.line == 0) return false;
    const auto& requests = std::as_const(requests_).all();
    return std::any_of(requests.begin(), requests.end(), [&](const OpenRequest& other) {
        return &other != &request && other.line == request.line && !other.is_done;
    });
}

// The messages at work that a child which has read so many bytes has begun to read.
std::vector<OpenRequest*> AtWork::find_suspects(std::uint64_t bytes_read) {
    std::vector<OpenRequest*> suspects;
    note(Clock::now());
    for (OpenRequest& request : requests_.all()) {
        if (!request.is_done && request.is_sent && request.at_work_since != Clock::time_point{} &&
            request.begins_at < bytes_read)
            suspects.push_back(&request);
    }
    return suspects;
}

void AtWork::blame(std::uint64_t bytes_read, std::uint32_t reason, const std::string& why) {
    const std::vector<OpenRequest*> suspects = find_suspects(bytes_read);
    for (OpenRequest* const suspect : suspects) {
        // The outputs of partial answers are dropped only with the attempt.
        if (suspects.size() == 1 || suspect->has_outputs) {
            explain(jobs_, *suspect, why);
            requests_.finish(*suspect, VOLLEY_E_RETRY, 0, reason);
        } else {
            suspect->is_alone = true;
        }
    }
    give_back_but_alone(requests_);
}

void AtWork::isolate(std::uint64_t bytes_read) {
    const std::vector<OpenRequest*> suspects = find_suspects(bytes_read);
    if (suspects.size() < 2) return;
    for (OpenRequest* const suspect : suspects) suspect->is_alone = !suspect->has_outputs;
    give_back_but_alone(requests_);
}

}  // namespace volley::handlers
