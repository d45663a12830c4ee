// Decides which messages a child may get now, and writes their lines: requests, batches and cancellations.
// Owned and used by one thread.
//
// Invariants: a child gets each message at most once. Beside a message that runs alone it has no other. Of a
// group whose message it got without its chain, it gets nothing more before that is answered.
#pragma once

#include <cstdint>
#include <string>

#include "handlers/child_state.hpp"
#include "handlers/open_requests.hpp"
#include "handlers/outbox.hpp"

namespace volley::handlers {

class RequestSender {
public:
    // `queue` is the name of the input, for messages that do not name their source. `has_batches`: the
    // messages of each add() are a batch for a child that takes such. Borrows all references.
    RequestSender(const volley_jobs& jobs, OpenRequests& requests, const ChildState& child, std::string queue,
                  bool has_batches);

    // A new child: it gets the messages that are not answered.
    void begin_child();
    // Appends the lines that may be sent now, until the outbox is long. Messages that are cancelled before
    // they were sent are finished as not started.
    void send_more(Outbox& outbox);
    // Tells the child, if it asked for it, which of its messages are cancelled.
    void send_cancelled(Outbox& outbox);
    // Whether the oldest message is not even waited for any more, because the time for a stop is over.
    bool is_given_up() const;

    // Sends nothing any more to this child.
    void stop() { is_stopped_ = true; }
    bool is_stopped() const { return is_stopped_; }
    // Sends each child at most so many messages; 0: any number.
    void limit_messages(std::uint64_t most) { most_sent_ = most; }
    // Whether the child has had as many messages as it may, and has answered them.
    bool is_used_up() const { return is_limit_reached() && !requests_.is_waiting(); }

private:
    bool is_limit_reached() const { return most_sent_ > 0 && sent_ >= most_sent_; }
    bool may_send(OpenRequest& request);
    void send(std::size_t i, std::uint64_t begins_at, std::string& out);
    void send_batch(std::size_t first, Outbox& outbox);

    const volley_jobs& jobs_;
    OpenRequests& requests_;
    const ChildState& child_;
    std::string queue_;
    bool has_batches_;
    bool is_stopped_ = false;
    std::uint64_t most_sent_ = 0;
    std::uint64_t sent_ = 0;         // messages to this child
    std::uint64_t unsent_from_ = 0;  // an id: all before it were sent, or are done
    std::uint64_t call_ = 1;         // to a child a failure counts within a call
    std::uint64_t lines_ = 0;        // of batches
};

}  // namespace volley::handlers
