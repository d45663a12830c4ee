// Carries messages through a handler that handles several at a time (VOLLEY_ASYNC): each is handed on as soon
// as it has ended, whatever else the handler has. Keeps the order of groups, and runs alone what may have
// brought an instance or the process down. Owned by the worker's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/async_calls.hpp"
#include "runtime/batching.hpp"
#include "runtime/pass_results.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

class AsyncRun {
public:
    AsyncRun(Pipeline& pipeline, std::uint32_t worker, InstanceSlot& slot, PassResults& results,
             std::function<void()> wake)
        : pipeline_(pipeline),
          worker_(worker),
          results_(results),
          calls_(pipeline, slot, std::move(wake)),
          // A child process reads one batch ahead, so that it does not wait for the next.
          batching_(pipeline.config.batch, pipeline.config.concurrency + (pipeline.in_process ? 0 : 1)) {}

    // Adds a message to those that wait for the handler.
    void add(const delivery::WorkItem& item);
    // Hands on what has ended, and gives the handler what it has room for. Returns how many work items are
    // over.
    std::uint32_t pass();
    bool is_idle() const { return waiting_.empty() && used_ == 0; }
    // When pass() may start a batch although nothing has come or ended; the maximum if it may not.
    Nanoseconds batch_due() const {
        // Those that run alone come first, and no time ends that.
        return is_alone_running_ || !alone_.empty() ? Nanoseconds::max() : batching_.due();
    }

    // The calls that are pending: for waiting, inside the handler if it has a poll.
    AsyncCalls& calls() { return calls_; }
    const AsyncCalls& calls() const { return calls_; }

private:
    static constexpr Place none = ~Place{0};
    // A message that the handler has, that has to run alone, or that waits for one before it in its group.
    struct Flight {
        delivery::WorkItem item;
        HandlerResult result;
        Place before = none;  // in its group
        Place after = none;
        std::uint32_t batch = 0;  // 0: it is in none
        bool has_ended = false;
    };
    struct Waiting {
        delivery::WorkItem item;
        Nanoseconds since;  // only with batches
    };
    struct Alone {
        Place place;
        bool again = false;       // an instance has failed with it alone
        bool is_suspect = false;  // of the crash journal
    };

    Place board(const delivery::WorkItem& item);
    void disembark(Place place);
    bool is_in_flight(delivery::OrderingGroup group) const;
    void took(const EndedCall& ended);
    void ended(Place place, const HandlerResult& result);
    void conclude(const Flight& flight);
    void start_waiting();
    bool is_time_to_start();
    bool has_room(std::uint64_t bytes) const;
    bool start_alone();
    enum class Admission : std::uint8_t { given, over, blocked, alone };
    Admission admit(const delivery::WorkItem& item);
    void give();
    std::uint32_t window() const;

    Pipeline& pipeline_;
    std::uint32_t worker_;
    PassResults& results_;
    AsyncCalls calls_;
    Batching batching_;
    std::deque<Waiting> waiting_;
    std::uint64_t waiting_bytes_ = 0;  // only with batches
    std::uint64_t given_bytes_ = 0;
    std::vector<Flight> flights_;  // by place
    std::vector<Place> free_;
    std::uint32_t used_ = 0;                                      // of flights_
    std::unordered_map<delivery::OrderingGroup, Place> last_of_;  // the last flight of each group
    std::deque<Alone> alone_;
    bool is_alone_running_ = false;
    std::vector<delivery::OrderingGroup> blocked_;  // in this pass: of messages that wait for others
    std::vector<EndedCall> taken_;                  // reused, as all below
    std::vector<delivery::WorkItem> given_;
    std::vector<Place> given_places_;
    std::uint32_t over_ = 0;  // work items that ended in this pass
};

}  // namespace volley::runtime
