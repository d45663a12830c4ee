// The model store's consumers: of a log with partitions, and of a queue with or without leases.
#pragma once

#include <map>
#include <vector>

#include "store.hpp"

namespace simulation {

// What a call says that fails for a moment.
inline std::int32_t failed(volley_error* error) {
    return volley_fail(error, VOLLEY_E_RETRY, "the store is down");
}

class Consumer {
public:
    Consumer(Process& process, bool log) : process_(process), world_(process.world), log_(log) {}
    ~Consumer();
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    std::int32_t open(volley_error* error);
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms, volley_error* error);
    std::int32_t settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride,
                        volley_error* error);
    std::int32_t poll(std::uint32_t timeout_ms);
    void interrupt();
    std::int32_t close();

    void listen(const volley_partition_events* events) { events_ = events; }
    std::int32_t commit(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                        bool wait, volley_error* error);
    void pause(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride, bool paused);
    std::int32_t extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                        std::uint32_t lease_ms, volley_error* error);
    std::int64_t ready() const;
    const std::string& identity();

    void ask_for_rebalance(bool lost) { (lost ? wants_loss_ : wants_revocation_) = true; }
    void wake();
    bool breaks(Breach breach);
    void carry_out_commits();
    bool has_commits() const { return !commits_.empty(); }

private:
    struct Owned {
        int partition = 0;
        std::uint32_t epoch = 0;
        std::uint32_t life = 0;
        std::size_t position = 0;  // index into the partition's messages
        std::size_t start = 0;     // … at the assignment
        std::size_t seen = 0;      // behind what was delivered
        std::uint64_t lane = 0;
        bool paused = false;
    };
    struct Commit {
        int partition;
        std::uint32_t life;
        std::int64_t offset;
    };

    void serve();
    void break_contract_in_events();
    std::int32_t break_batch(volley_batch& batch, volley_error* error);
    void undo(const volley_message& message);
    void lose_deliveries_of(const Owned& owned);
    void give_up(int partition);
    void assign_free();
    void revoke(std::size_t index, bool lost);
    bool take_from_log(volley_batch& batch);
    bool take_from_queue(volley_batch& batch);
    void deliver(volley_batch& batch, int message, const Owned* owned);
    bool has_room(const volley_batch& batch) const;
    std::int64_t next_visible_ms() const;
    std::int32_t settle_one(const volley_settlement& settlement);

    Process& process_;
    World& world_;
    bool log_;
    bool is_open_ = false;
    bool interrupted_ = false;
    bool wants_loss_ = false;
    bool wants_revocation_ = false;
    const volley_partition_events* events_ = nullptr;
    std::vector<Owned> owned_;
    std::vector<Commit> commits_;  // accepted, and not carried out
    std::uint64_t batch_bytes_ = 0;
    std::string identity_;
    static constexpr const char* source_ = "in";
};

}  // namespace simulation
