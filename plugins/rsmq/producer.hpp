// The RSMQ producer: a batch is one script. Ids are made before the first try, so that a send whose reply was
// lost is not stored twice while the message is there.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "connection.hpp"
#include "lua.hpp"
#include "volley/abi.hpp"

namespace volley::rsmq {

class RsmqConsumer;

class RsmqProducer {
public:
    RsmqProducer(Context context, volley_report_fn report, void* report_context);

    void open();
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);
    const Settings& settings() const { return connection_.settings(); }

    // volley.atomic/1.
    // Makes its queue one of those that a commit of this consumer's acks may store into.
    bool joins(RsmqConsumer& consumer);
    std::int32_t commit(RsmqConsumer& consumer, volley_transaction& transaction);
    void post(RsmqConsumer& consumer, volley_transaction& transaction);
    std::int32_t outcome(RsmqConsumer& consumer, volley_transaction& transaction, std::uint32_t timeout_ms);

private:
    // Records on their way to a script. Borrows the records' bodies.
    struct Batch {
        std::vector<const volley_record*> records;
        std::deque<std::string> ids;
        std::deque<std::string> texts;  // delays and envelopes
        Words bodies;                   // id, body, …
        Words delays;                   // in ms, or empty: the queue's
        bool any_delay = false;
        std::size_t bytes = 0;

        // As the last arguments of a script; `count` is to outlive them.
        void append_to(Words& arguments, std::string& count) const;
    };
    // What makes a commit the same one again.
    struct Commit {
        std::vector<std::uint64_t> handles;
        std::vector<std::string> ids;
        std::uint64_t number = 0;
        std::int64_t made_ms = 0;            // the time that its messages bear
        std::vector<RsmqProducer*> outputs;  // in the order in which Redis was told of them
    };
    // What a commit stores into one queue.
    struct Share {
        RsmqProducer* to;
        Batch batch;
    };
    using Shares = std::deque<Share>;  // never moved: batches hold views of themselves
    // Neither failure nor status: Redis has it.
    struct Posted {
        Commit commit;
        std::optional<Error> failure;
        std::optional<std::int32_t> status;
    };

    // What is stored of it: the body, or the envelope around it.
    std::string_view stored(Batch& batch, const volley_record& record) const;
    void add(Batch& batch, const volley_record& record, std::string_view stored, std::string id);
    // Returns VOLLEY_OK, or why none of it is known to be stored.
    std::int32_t send(Batch& batch);
    std::int32_t refuse_rest(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                             std::uint32_t& accepted);
    void know(Attributes attributes);
    bool maxsize_has_changed();
    std::int64_t redis_us() const;  // what Redis' clock shows, as far as we know
    void adjust_clock(const redisReply* redis_us);
    // The same by a reply that may have waited to be read. It shows too little, never too much; were it
    // believed, what is sent next could seem older than what was sent before.
    void advance_clock(const redisReply* redis_us);
    void be_sure_of_rights();
    void ask_for_rights();
    bool has_user_of(const RsmqConsumer& consumer) const;
    Commit new_commit(const volley_transaction& t);
    // Throws Error{lost} if some delivery is not ours; it is marked.
    void require_all(RsmqConsumer& consumer, const volley_transaction& t);
    bool was_carried_out(RsmqConsumer& consumer, const Commit& commit);
    void conclude(RsmqConsumer& consumer, volley_transaction& t, const Commit& commit);
    bool is_first_unsure(const volley_transaction& t) const;
    static void write_keys(Request& request, const Shares& shares);
    void write_share(Request& request, const Batch& batch, std::int64_t now_ms) const;
    Share& share_of(Shares& shares, RsmqConsumer& consumer, const volley_record& record);
    // Nothing, here and in the next two: what it was made from was out of date, and is not any more.
    std::optional<Shares> share_out(RsmqConsumer& consumer, const volley_transaction& transaction,
                                    const Commit& commit);
    std::optional<std::int32_t> try_commit(RsmqConsumer& consumer, volley_transaction& transaction,
                                           Commit& commit, bool is_repeat);
    std::optional<std::int32_t> understand(RsmqConsumer& consumer, Connection& through,
                                           volley_transaction& transaction, const Commit& commit,
                                           std::vector<Reply> replies);
    // `before`: the number of the commit on which it depends, or empty.
    void write_commit(RsmqConsumer& consumer, Commit& commit, const Shares& shares, std::string_view before,
                      bool is_repeat);
    std::string new_id();
    std::string id_of(const volley_record& record);
    // Returns VOLLEY_OK, or why it can never be stored.
    std::int32_t check(const volley_record& record, std::string_view stored, std::string& why) const;
    std::int32_t check_now(const volley_record& record, std::string_view stored, std::string& why);
    void remember(const volley_record& record, const std::string& id, std::int32_t status);

    Context context_;
    Connection connection_;
    volley_report_fn report_;
    void* report_context_;
    Script send_{send_script};
    Attributes attributes_;
    std::int64_t delay_ms_ = 0;  // of attributes_
    long maxsize_ = 65536;
    bool down_ = false;                // as the host was told
    std::int64_t clock_ahead_us_ = 0;  // of Redis' clock, against our monotonic one
    std::int64_t accepted_ms_ = 0;     // the latest that a commit bore
    std::int64_t last_id_us_ = 0;
    std::mt19937_64 random_;
    std::string wake_name_;
    std::string commit_key_;
    bool has_rights_ = false;
    std::uint64_t commits_ = 0;
    std::deque<Posted> posted_;  // oldest first
    std::deque<Commit>
        unsure_;  // whose replies were lost, to be repeated in this order; then nothing is posted
    Request request_;
    std::string receipts_;  // as the request borrows them
    // Ids of sends that may have been stored without our knowing, by the record's stable id; oldest first in
    // the queue beside it, for it is bounded.
    std::unordered_map<std::string, std::string> unconfirmed_;
    std::deque<std::string> unconfirmed_order_;
};

// RSMQ's id: ten digits to the base 36 for the microseconds, then 22 random characters.
std::string make_id(std::int64_t unix_us, std::mt19937_64& random);

// As node's rsmq counts: UTF-16 units.
std::size_t rsmq_length(std::string_view body);

const volley_ext_atomic* atomic_functions();

}  // namespace volley::rsmq
