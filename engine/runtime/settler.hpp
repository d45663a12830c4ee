// Reports the results of messages to the store: settlements and, on a log, the offsets up to which everything
// is done. Thread: intake.
#pragma once

#include <cstdint>
#include <string>
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

    // Settles the messages that the core has finished. Returns false if the store does not accept the
    // settlements now; they are repeated later. Errors: the consumer cannot go on.
    Result<bool> settle(delivery::Instant now);
    // Why the store did not accept the settlements. Requires: settle() returned false.
    const std::string& cause() const { return cause_; }
    // Releases, with the next settle(), a delivery that the core does not know.
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
    std::string cause_;
    std::vector<std::uint64_t> releases_;  // handles of deliveries that the core does not know
    // Reused.
    std::vector<delivery::Settlement> settlements_;
    std::vector<volley_settlement> calls_;  // the settlements, then the releases
    bool any_large_ = false;
};

class OffsetCommitter {
public:
    OffsetCommitter(const Pipeline& pipeline, delivery::Delivery& core, Input& input,
                    const Assignments& assignments)
        : pipeline_(pipeline), core_(core), input_(input), assignments_(assignments) {}

    // Commits the offsets that can be committed, if that is due. Returns false if the store does not accept
    // them now. Errors: the consumer cannot go on.
    Result<bool> commit(delivery::Instant now);
    // Commits at once, and waits up to `timeout` until this commit and all earlier ones are carried out.
    Result<bool> commit_and_wait(delivery::Instant now, delivery::Millis timeout);
    // Returns when commit() has work to do; delivery::never: it has none.
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
