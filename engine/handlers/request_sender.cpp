#include "handlers/request_sender.hpp"

#include <algorithm>
#include <utility>

#include "handlers/request.hpp"

namespace volley::handlers {

namespace {

constexpr std::size_t outbox_low = 8 * 1024;  // written before more is appended, so the child starts early
// A child remembers the groups that failed in a call. After so many the next call begins.
constexpr std::uint64_t most_failed_in_call = 10'000;

}  // namespace

RequestSender::RequestSender(const volley_jobs& jobs, OpenRequests& requests, const ChildState& child,
                             std::string queue, bool has_batches)
    : jobs_(jobs), requests_(requests), child_(child), queue_(std::move(queue)), has_batches_(has_batches) {}

void RequestSender::begin_child() {
    is_stopped_ = false;
    sent_ = 0;
    unsent_from_ = 0;
}

void RequestSender::send_more(Outbox& outbox) {
    if (is_stopped_) return;
    auto& requests = requests_.all();
    // One that runs alone is the oldest. Until it has ended, nothing else is sent.
    if (!requests.empty() && requests.front().is_alone && requests.front().is_sent) return;
    if (requests_.groups().failed_in_call() > 0 && !requests_.is_waiting()) {
        requests_.groups().begin_call();
        ++call_;
    }
    if (requests_.groups().failed_in_call() >= most_failed_in_call) return;
    unsent_from_ = std::max(unsent_from_, requests_.id_of(0));
    for (std::size_t i = unsent_from_ - requests_.id_of(0);
         i < requests.size() && outbox.pending().size() < outbox_low; ++i) {
        OpenRequest& request = requests[i];
        bool is_sent_alone = false;
        if (!request.is_done && !request.is_sent) {
            // Behind one that runs alone nothing is sent.
            if (request.is_alone && requests_.is_waiting()) break;
            // A child gets its first message to show whether it takes batches, if its first line does not.
            if (has_batches_ && !child_.has_spoken && requests_.is_waiting()) break;
            if (is_limit_reached()) break;
            if (!may_send(request)) continue;
            if (!request.is_done) {
                if (child_.takes_batches && !request.is_alone)
                    send_batch(i, outbox);
                else
                    send(i, outbox.position(), outbox.bytes);
                is_sent_alone = request.is_alone;
            }
        }
        if (requests_.id_of(i) == unsent_from_) ++unsent_from_;
        if (is_sent_alone) break;
    }
    requests_.drop_finished();
}

// Sends message `first`, which may be sent, and those behind it in its batch that may be.
void RequestSender::send_batch(std::size_t first, Outbox& outbox) {
    auto& requests = requests_.all();
    const std::uint64_t begins_at = outbox.position();
    const std::uint64_t batch = requests[first].batch;
    ++lines_;
    outbox.bytes += "{\"batch\":[";
    for (std::size_t i = first; i < requests.size() && requests[i].batch == batch; ++i) {
        OpenRequest& request = requests[i];
        if (i > first) {
            if (is_limit_reached()) break;
            if (request.is_done || request.is_sent || request.is_alone || !may_send(request)) continue;
            if (request.is_done) continue;
            outbox.bytes += ',';
        }
        send(i, begins_at, outbox.bytes);
        request.line = lines_;
        outbox.bytes.pop_back();  // the newline
    }
    outbox.bytes += "]}\n";
}

// Returns false if it must wait. One that is cancelled, or behind a failure in its group, is finished
// instead. The child may declare its abilities after its first messages: of a group whose messages it got
// without their chain, nothing more is sent before they are answered.
bool RequestSender::may_send(OpenRequest& request) {
    if (jobs_.cancelled(jobs_.context, request.job) != 0) {
        requests_.finish(request, VOLLEY_AGAIN);
        return true;
    }
    if (request.group == 0) return true;
    const RequestGroup& group = requests_.groups()[request.group];
    // One that runs alone is the first of its group: those behind it were given back.
    if (!group.has_failed || request.is_alone) return !group.is_lone;
    requests_.finish(request, VOLLEY_AGAIN);
    return true;
}

void RequestSender::send(std::size_t i, std::uint64_t begins_at, std::string& out) {
    OpenRequest& request = requests_.all()[i];
    std::uint64_t chain = 0;
    if (request.group != 0) {
        RequestGroup& group = requests_.groups()[request.group];
        if (child_.keeps_groups)
            chain = group.chain;
        else
            group.is_lone = true;
    }
    requests_.send(request, begins_at);
    ++sent_;
    const std::string_view source = child_.takes_source ? std::string_view(queue_) : std::string_view();
    append_request(out, {requests_.id_of(i), request.attempt, chain, call_, source}, *request.message);
}

// The child still answers cancelled messages.
void RequestSender::send_cancelled(Outbox& outbox) {
    if (!child_.takes_cancels) return;
    for (std::size_t i = 0; i < requests_.all().size(); ++i) {
        OpenRequest& request = requests_.all()[i];
        if (!request.is_sent || request.is_done || request.is_told) continue;
        if (jobs_.cancelled(jobs_.context, request.job) == 0) continue;
        append_cancelled(outbox.bytes, requests_.id_of(i));
        request.is_told = true;
    }
}

bool RequestSender::is_given_up() const {
    constexpr std::int32_t not_even_waited_for = 2;
    const auto& requests = std::as_const(requests_).all();
    return !requests.empty() && !requests.front().is_done &&
           jobs_.cancelled(jobs_.context, requests.front().job) == not_even_waited_for;
}

}  // namespace volley::handlers
