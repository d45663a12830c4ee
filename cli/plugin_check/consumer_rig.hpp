// A consumer under test. It lends the room for messages, which is larger than the plugin may use, checks
// after each call that nothing was written where it must not be, and checks that the views of open deliveries
// do not change. Thread: as plugin.h states for the calls; interrupt from any.
#pragma once

#include <map>

#include "plugin_check/life.hpp"
#include "plugin_check/message.hpp"

namespace volley::cli::plugin_check {

struct Settled {
    std::uint64_t handle = 0;
    std::int32_t outcome = VOLLEY_ACK;
    std::uint64_t delay_ms = 0;
};

// What a consumer with partitions needs before open. Nothing is done with its events.
void listen_to_partitions(ConsumerLife& life);

class ConsumerRig {
public:
    explicit ConsumerRig(const Setting& setting);

    // create, the listener of partitions, open.
    void start();
    // Messages of one call. Passing errors are tried again for a while. Ends the child at a broken rule.
    std::vector<Delivery> consume(std::uint32_t capacity, std::uint32_t timeout_ms);
    // Until there are `count`, or none has come for `patience`.
    std::vector<Delivery> consume_all(std::size_t count, std::chrono::milliseconds patience);
    // Closes them. Returns the results in order; each is VOLLEY_OK or VOLLEY_E_LOST.
    std::vector<std::int32_t> settle(const std::vector<Settled>& settlements);
    void settle_all(const std::vector<Delivery>& deliveries, std::int32_t outcome,
                    std::uint64_t delay_ms = 0);
    // It was settled elsewhere: in a transaction.
    void forget(std::uint64_t handle) { open_.erase(handle); }
    // Acks everything that the queue has.
    void empty_queue();
    // Settles what is open with VOLLEY_RELEASE, then closes and destroys.
    void end();
    bool reached_end() const { return reached_end_; }
    bool is_log() { return log_ != nullptr; }

    ConsumerLife& life() { return life_; }

private:
    Outcome consume_once(std::uint32_t capacity, std::uint32_t timeout_ms, std::vector<Delivery>& out);
    Outcome settle_once(const std::vector<Settled>& wanted, std::vector<std::int32_t>& results);
    void open_delivery(const volley_message& message, std::vector<Delivery>& out);
    void check_views() const;
    void commit(const std::vector<Delivery>& acked);

    Setting setting_;
    ConsumerLife life_;
    const volley_ext_log* log_ = nullptr;
    std::map<std::uint64_t, Delivery> open_;
    bool reached_end_ = false;
};

}  // namespace volley::cli::plugin_check
