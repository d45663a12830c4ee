// What an Exchange writes to the child: requests, batches and cancellations.
#include "handlers/exchange.hpp"
#include "handlers/request.hpp"

namespace volley::handlers {

namespace {

constexpr std::size_t outbox_low = 8 * 1024;  // written before more is appended, so the child starts early
// A child remembers the groups that failed in a call. After so many the next call begins.
constexpr std::uint64_t most_failed_in_call = 10'000;

}  // namespace

// To a child a failure counts within its call, so the number of groups that failed in one is bounded.
void Exchange::maybe_begin_call() {
    if (failed_in_call_ == 0 || in_child_ > 0) return;
    failed_in_call_ = 0;
    ++call_;
}

void Exchange::send_more(Outbox& outbox) {
    if (is_closed_) return;
    // One that runs alone is the oldest. Until it has ended, nothing else is sent.
    if (!requests_.empty() && requests_.front().is_alone && requests_.front().is_sent) return;
    maybe_begin_call();
    if (failed_in_call_ >= most_failed_in_call) return;
    for (std::size_t i = unsent_from_; i < requests_.size() && outbox.pending().size() < outbox_low; ++i) {
        Request& request = requests_[i];
        if (request.is_done || request.is_sent) {
            if (i == unsent_from_) ++unsent_from_;
            continue;
        }
        // Behind one that runs alone nothing is sent.
        if (request.is_alone && in_child_ > 0) break;
        // A child gets its first message to show whether it takes batches, if its first line does not.
        if (has_batches_ && !has_spoken_ && in_child_ > 0) break;
        if (is_limit_reached()) break;
        if (!may_send(request)) continue;
        if (request.is_done) {
            if (i == unsent_from_) ++unsent_from_;
            continue;
        }
        if (takes_batches_ && !request.is_alone)
            send_batch(i, outbox);
        else
            send(request, first_id_ + i, outbox.position(), outbox.bytes);
        if (i == unsent_from_) ++unsent_from_;
        if (request.is_alone) break;
    }
    drop_finished();
}

// Sends the message at `first`, which may be sent, and those behind it in its batch that may be.
void Exchange::send_batch(std::size_t first, Outbox& outbox) {
    const std::uint64_t begins_at = outbox.position();
    const std::uint64_t batch = requests_[first].batch;
    ++lines_;
    outbox.bytes += "{\"batch\":[";
    for (std::size_t i = first; i < requests_.size() && requests_[i].batch == batch; ++i) {
        Request& request = requests_[i];
        if (i > first) {
            if (is_limit_reached()) break;
            if (request.is_done || request.is_sent || request.is_alone || !may_send(request)) continue;
            if (request.is_done) continue;
            outbox.bytes += ',';
        }
        send(request, first_id_ + i, begins_at, outbox.bytes);
        request.line = lines_;
        outbox.bytes.pop_back();  // the newline
    }
    outbox.bytes += "]}\n";
}

// Returns false if it must wait. One that is cancelled, or behind a failure in its group, is finished
// instead. The child may declare its abilities after its first messages: of a group whose messages it got
// without their chain, nothing more is sent before they are answered.
bool Exchange::may_send(Request& request) {
    if (jobs_.cancelled(jobs_.context, request.job) != 0) {
        not_started(request);
        return true;
    }
    if (request.group == 0) return true;
    const Group& group = groups_[request.group];
    // One that runs alone is the first of its group: those behind it were given back.
    if (!group.has_failed || request.is_alone) return !group.is_lone;
    not_started(request);
    return true;
}

void Exchange::send(Request& request, std::uint64_t id, std::uint64_t begins_at, std::string& out) {
    std::uint64_t chain = 0;
    if (request.group != 0) {
        Group& group = groups_[request.group];
        if (!keeps_groups_) group.is_lone = true;
        if (keeps_groups_) chain = group.chain;
    }
    request.begins_at = begins_at;
    request.is_sent = true;
    ++in_child_;
    ++sent_;
    append_request(
        out,
        {id, request.attempt, chain, call_, takes_source_ ? std::string_view(queue_) : std::string_view()},
        *request.message);
}

// The child still answers cancelled messages.
void Exchange::send_cancelled(Outbox& outbox) {
    if (!takes_cancels_) return;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        Request& request = requests_[i];
        if (!request.is_sent || request.is_done || request.is_told) continue;
        if (jobs_.cancelled(jobs_.context, request.job) == 0) continue;
        append_cancelled(outbox.bytes, first_id_ + i);
        request.is_told = true;
    }
}

bool Exchange::is_given_up() const {
    constexpr std::int32_t not_even_waited_for = 2;
    return !requests_.empty() && !requests_.front().is_done &&
           jobs_.cancelled(jobs_.context, requests_.front().job) == not_even_waited_for;
}

}  // namespace volley::handlers
