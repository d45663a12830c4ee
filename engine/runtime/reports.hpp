// Takes the completions of workers and producers, and informs the core. Thread: intake.
#pragma once

#include <optional>
#include <string_view>

#include "delivery/delivery.hpp"
#include "runtime/completions.hpp"
#include "runtime/message_failure_log.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/worker_pool.hpp"

namespace volley::runtime {

class Reports {
public:
    Reports(Pipeline& pipeline, delivery::Delivery& core, WorkerPool& workers, MessageFailureLog& failures)
        : pipeline_(pipeline), core_(core), workers_(workers), failures_(failures) {}

    // Takes all completions, even if failure() is set afterwards. Returns whether there were any.
    bool take(delivery::Instant now);
    // Returns why the component cannot go on, as found by take(): a connector broke the contract, a worker
    // has no handler, or an output queue accepts nothing until a person acts. Else nothing.
    const std::optional<Error>& failure() const { return failure_; }

private:
    void handled(const Completion& c);
    void refused(const Completion& c, std::string_view text);
    void dead_letter(const Completion& c, std::string_view text);
    bool is_awaited(const Completion& c) const;
    bool is_of_its_producer(const Completion& c) const;
    bool is_defined(const Completion& c);
    const OutputQueue& port_of(const Completion& c) const;
    void false_report(const Completion& c);
    void stop_if_hopeless(const Completion& c, const std::string& queue, std::string_view text);
    void fail(Error error);

    Pipeline& pipeline_;
    delivery::Delivery& core_;
    WorkerPool& workers_;
    MessageFailureLog& failures_;
    delivery::Instant now_{0};
    Drained drained_;
    std::optional<Error> failure_;
};

}  // namespace volley::runtime
