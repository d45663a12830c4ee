// What the parts of an intake share: the consumer, the core, and what the component shows to other threads.
// Whatever only one part needs is a private field of that part. Thread: intake, except `status`.
#pragma once

#include <optional>

#include "delivery/delivery.hpp"
#include "plugins/instance.hpp"
#include "runtime/assignments.hpp"
#include "runtime/component_status.hpp"
#include "runtime/fetcher.hpp"
#include "runtime/input.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/progress.hpp"
#include "runtime/worker_pool.hpp"
#include "tracing/tracer.hpp"

namespace volley::runtime {

struct IntakeOptions {
    delivery::Millis startup_timeout{60'000};
    delivery::Millis shutdown_timeout{30'000};
    delivery::Millis stall_timeout{300'000};
    // Check ComponentStatus::idle against the store's statistics; for --exit-when-idle.
    bool watch_idle = false;
    tracing::Tracer* tracer = nullptr;  // borrowed; null: no spans
};

struct IntakeContext {
    IntakeContext(Pipeline& its_pipeline, plugins::Consumer consumer, const delivery::Options& core_options,
                  IntakeOptions its_options);
    IntakeContext(const IntakeContext&) = delete;
    IntakeContext& operator=(const IntakeContext&) = delete;

    // Logs the error, and ends the component with it, if it is the first. Thread: any.
    void fail(Error error);
    // The same for an error of the consumer. A consumer that has failed for good or is fenced settles and
    // commits nothing more.
    void input_failed(Error error);

    Pipeline& pipeline;
    const IntakeOptions options;
    const bool is_log;
    ComponentStatus status;
    delivery::Delivery core;
    Input input;
    Fetcher fetcher;
    WorkerPool workers;
    Assignments assignments;
    StallWatch stall_watch;
    delivery::Instant now{0};                         // when the current step began
    std::optional<delivery::Instant> drain_deadline;  // set when the drain has begun
};

// Returns the exit code of an engine that ends because of this error (sysexits; see the exit codes in
// docs/operations.md).
int exit_code_of(const Error& error);

}  // namespace volley::runtime
