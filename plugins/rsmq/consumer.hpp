// The RSMQ consumer: batches under leases, settled with the receive count as the receipt.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"
#include "envelope.hpp"
#include "lua.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

class RsmqProducer;

class RsmqConsumer {
public:
    // A message that is ours.
    struct Delivery {
        std::uint32_t received = 0;    // the batch whose reply has its bytes
        std::uint32_t generation = 0;  // of this slot: a handle of an earlier one is not valid
        std::string_view id;
        std::string rc;
        bool open = false;
        bool unsure = false;  // a deletion was sent, and its reply was lost
        bool posted = false;  // its commit is on its way
    };

    explicit RsmqConsumer(Context context);
    ~RsmqConsumer();
    RsmqConsumer(const RsmqConsumer&) = delete;
    RsmqConsumer& operator=(const RsmqConsumer&) = delete;

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    std::int32_t settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // volley.lease/1.
    std::int32_t extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                        std::uint32_t lease_ms);

    // Returns the open delivery of that handle, or null.
    Delivery* find(std::uint64_t handle);
    // Closes it: its views end. Requires: find(handle).
    void finish(std::uint64_t handle);

    const Settings& settings() const { return connection_.settings(); }
    // The connection, with no reply outstanding on it. Throws as Connection::command.
    Connection& connection();
    // The same, though replies may be outstanding.
    Connection& link() { return connection_; }
    // Sends a commit of so many acks, and behind it, so that Redis goes on with that, asks for as many
    // messages again, if they are there. Of what the engine may have in hand that is never more. Throws as
    // Connection::post.
    void post(Request& commit, std::size_t acks);
    // The replies to the oldest commit that was posted; none: they did not come within `ms`, or interrupt was
    // called. Throws Error{unknown} if they will not come.
    std::vector<Reply> take_replies(std::int64_t ms);
    // How many were received that consume has not returned yet. Requires: no reply is outstanding.
    std::size_t ahead() const;
    // From now on its receives tell whether somebody else has received between them.
    void keep_stretches();
    // The stretch that all these were received in, if it is likely to last: as long as it does none of their
    // receipts is out of date. Else empty. `total` is then the queue's totalrecv as the last of them left it.
    // Requires: find(handle) of each.
    std::string_view stretch_of(const std::vector<std::uint64_t>& handles, std::int64_t& total);
    // Where Redis keeps it; without one, any key that we may use.
    const std::string& stretch_key() const {
        return stretch_key_.empty() ? settings().set_key : stretch_key_;
    }
    void end_stretch() { stretch_lasts_ = false; }
    // The producers whose queues a commit may store into: of one user, and each of another queue name.
    // Returns whether this is one of them now.
    bool join(RsmqProducer& producer);
    const std::vector<RsmqProducer*>& joined() const { return joined_; }
    // Fills a batch from {id, body, rc, …} with views that live until the next call of it; handles are 0.
    void show(volley_batch& batch, Reply reply);

private:
    using Clock = std::chrono::steady_clock;
    // A batch's reply: the bodies' memory, until its last delivery is closed.
    struct Received {
        Reply reply;
        std::deque<Opened> envelopes;
        std::uint32_t open = 0;  // and one for the rest of it
    };
    enum class Wait { interrupted, woken, timed_out };

    // A receive that consume did not ask for yet.
    struct Ahead {
        Clock::time_point since;
        std::uint32_t asked_for;
        Reply reply;  // null: it is outstanding
    };

    // A commit that was posted.
    struct Posted {
        std::size_t commands;
        std::size_t acks;
        std::vector<Reply> replies;
        bool is_lost = false;  // with its connection
        bool is_over() const { return is_lost || replies.size() == commands; }
    };
    // What consume has not returned of a reply, for want of room.
    struct Rest {
        std::uint32_t received;
        std::size_t from;
        Clock::time_point since;
    };
    enum class Due { receive, commit };
    enum class Got { messages, nothing, later };

    Got receive(volley_batch& batch, std::int64_t ms);
    Got receive_now(volley_batch& batch);
    Got receive_ahead(volley_batch& batch, std::int64_t ms);
    Got take_reply(volley_batch& batch, Reply reply, Clock::time_point since);
    Got take_rest(volley_batch& batch);
    void fill(volley_batch& batch);
    void release(std::uint32_t received);
    bool is_stale(const redisReply& reply, Clock::time_point since) const;
    void put_back(const redisReply& reply, std::size_t from);
    void give_up_ahead(std::uint32_t timeout_ms);
    void ask_ahead();
    void post_receive(std::uint32_t asked_for);
    bool absorb(std::int64_t ms, int other);
    bool has_outcome() const { return !posted_.empty() && posted_.front().is_over(); }
    const std::string& next_stretch();
    void note_stretch(const redisReply& reply);
    void forget_outstanding();
    void describe(volley_message& m, const redisReply* id, const redisReply* body, std::int64_t rc,
                  std::deque<Opened>& envelopes) const;
    Wait wait(std::int64_t ms);
    void subscribe();
    bool take_interrupt();
    void settle_batch(volley_settlement** settlements, std::size_t count);
    std::uint32_t wanted(std::uint32_t room, std::uint64_t most_bytes) const;

    Context context_;
    Connection connection_;
    Connection realtime_;  // subscribed to what senders with the realtime option publish
    Clock::time_point next_subscribe_{};
    std::deque<Due> due_;  // what replies will come of, in turn
    std::deque<Ahead> ahead_;
    std::deque<Posted> posted_;
    std::optional<Rest> rest_;     // comes before those
    std::size_t room_ = 0;         // of the engine, after the last consume
    std::uint32_t asked_for_ = 0;  // messages, in the last receive
    std::uint64_t most_bytes_ = 0;
    bool more_is_there_ = false;  // the last receive brought as many
    Script receive_{receive_script};
    Script settle_{settle_script};
    std::string stretch_key_;   // empty: nobody wants to know
    std::string next_stretch_;  // its name, if one begins
    std::uint64_t stretches_ = 0;
    std::string stretch_;         // of the last receive
    bool stretch_lasts_ = false;  // it was that of the receive before, too
    std::vector<Received> received_;
    std::vector<std::uint32_t> free_received_;
    std::vector<Delivery> deliveries_;
    std::vector<std::uint32_t> free_deliveries_;
    Received shown_;
    std::vector<RsmqProducer*> joined_;
    int interrupt_fd_ = -1;
    int sent_fd_ = -1;  // written to by producers of this process
    std::int64_t pause_ms_ = 1;
    std::int64_t next_visible_ms_ = -1;  // from now, as the last receive said; -1: nothing is hidden
    std::uint64_t mean_bytes_ = 0;       // of a body, in the last batch
    bool settling_fails_ = false;
};

// The receive counts of a receive's reply, in turn: of most it does not speak, for it is 1.
class ReceiveCounts {
public:
    explicit ReceiveCounts(const redisReply& reply) : again_(*reply.element[4]) {}
    std::int64_t next() {
        ++place_;
        if (at_ + 1 >= again_.elements || again_.element[at_]->integer != place_) return 1;
        at_ += 2;
        return again_.element[at_ - 1]->integer;
    }

private:
    const redisReply& again_;
    std::size_t at_ = 0;
    std::int64_t place_ = 0;
};

// Is it what the receive script returns?
bool is_of_receive(const redisReply& reply);

// The ms at which a message was sent: its id begins with the microseconds, to the base 36. 0: it is no such
// id.
std::int64_t sent_ms(std::string_view id);

// What volley_ext_inspect offers.
const volley_ext_inspect* inspect_functions();

}  // namespace volley::rsmq
