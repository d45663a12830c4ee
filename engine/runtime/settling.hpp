// What happens to a message after its handler: reports of workers and producers, transactions, settlements,
// commits and, until then, its lease. Thread: intake.
#pragma once

#include <cstdint>

#include "delivery/delivery.hpp"
#include "runtime/intake_context.hpp"
#include "runtime/lease_keeper.hpp"
#include "runtime/message_failure_log.hpp"
#include "runtime/reports.hpp"
#include "runtime/settler.hpp"
#include "runtime/transactor.hpp"

namespace volley::runtime {

class Settling {
public:
    explicit Settling(IntakeContext& context);

    // Finds out whether the consumer has leases. Call it before the input is opened.
    void attach() { leases_.attach(context_.input.consumer()); }
    Transactor& transactor() { return transactor_; }
    const Transactor& transactor() const { return transactor_; }
    const LeaseKeeper& leases() const { return leases_; }

    // Does everything that is due now, and waits for nothing. An error ends the component.
    void turn();
    // The steps of turn(), for whoever drains.
    void take_reports();
    void serve_output_queues();
    void settle();

    // Releases, with the next settle(), a delivery that the core does not know.
    void release(std::uint64_t handle) { settler_.release(handle); }
    // A message arrived with a lease of `lease_ms`; 0: it has no lease.
    void saw_lease(std::uint32_t lease_ms) { leases_.saw(lease_ms, context_.now); }
    // Returns when turn() has work to do that no completion announces; delivery::never: it has none.
    delivery::Instant next() const;

    // For a revocation and for the end. Commits at once, and waits up to `timeout` for this commit and all
    // earlier ones. Returns false if the store does not accept them now. Errors: the consumer cannot go on.
    Result<bool> commit_and_wait(delivery::Millis timeout);
    // Everything that the core and the input gave is settled.
    bool is_finished() const { return context_.core.is_idle() && !settler_.has_releases(); }

private:
    void commit();
    void keep_leases();

    IntakeContext& context_;
    MessageFailureLog failures_;
    Reports reports_;
    Settler settler_;
    OffsetCommitter committer_;
    Transactor transactor_;
    LeaseKeeper leases_;
};

}  // namespace volley::runtime
