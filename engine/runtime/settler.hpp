// Tells the store what became of its messages: settlements, and on a log the offsets up to which everything
// is done. Thread: intake.
#pragma once

#include <cstdint>
#include <vector>

#include "delivery/delivery.hpp"
#include "runtime/assignments.hpp"
#include "runtime/input.hpp"
#include "runtime/outage_log.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

class Settler {
public:
    Settler(Pipeline& pipeline, delivery::Delivery& core, Input& input)
        : pipeline_(pipeline), core_(core), input_(input) {}

    // Settles what the core has finished. Returns false if the store does not take it now: it is settled
    // again later. Errors: the consumer cannot go on.
    Result<bool> settle(delivery::Instant now);
    // Releases a delivery that the core does not know, with the next settle().
    void release(std::uint64_t handle) { releases_.push_back(handle); }
    bool has_releases() const { return !releases_.empty(); }

private:
    void prepare();
    Result<void> take_results(delivery::Instant now);
    Result<void> not_settled(const delivery::Settlement& settlement, std::int32_t result,
                             delivery::Instant now);
    Result<void> take_release_results();

    Pipeline& pipeline_;
    delivery::Delivery& core_;
    Input& input_;
    OutageLog outage_;
    std::vector<std::uint64_t> releases_;  // deliveries that the core does not know, by handle
    // Reused.
    std::vector<delivery::Settlement> settlements_;
    std::vector<volley_settlement> calls_;  // of the settlements, then of the releases
    bool any_large_ = false;
};

class OffsetCommitter {
public:
    OffsetCommitter(const Pipeline& pipeline, delivery::Delivery& core, Input& input,
                    const Assignments& assignments)
        : pipeline_(pipeline), core_(core), input_(input), assignments_(assignments) {}

    // Commits what can be committed, if it is time to. Returns false if the store does not take it now.
    // Errors: the consumer cannot go on.
    Result<bool> commit(delivery::Instant now);
    // The same at once, and waits up to `timeout` until it and all commits before it are carried out.
    Result<bool> commit_and_wait(delivery::Instant now, delivery::Millis timeout);
    // When commit() has something to do; never: nothing.
    delivery::Instant next() const;

private:
    Result<bool> commit(delivery::Instant now, bool wait, delivery::Millis timeout);

    const Pipeline& pipeline_;
    delivery::Delivery& core_;
    Input& input_;
    const Assignments& assignments_;
    delivery::Instant next_{0};
    OutageLog outage_;
    std::vector<delivery::Commit> commits_;  // reused
};

}  // namespace volley::runtime
