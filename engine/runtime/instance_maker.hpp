// Creates, opens and closes instances of a component's handler. Keeps one that asked to be opened again.
//
// One caller at a time, whichever thread: InstanceSlot sees to that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "plugins/instance.hpp"
#include "runtime/handler_health.hpp"
#include "runtime/jobs.hpp"
#include "runtime/pipeline.hpp"

namespace volley::runtime {

struct Instance {
    Instance(plugins::HandlerInstance made, JobTable& table) : jobs(table), handler(std::move(made)) {}
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    JobTable& jobs;
    std::optional<plugins::HandlerInstance> handler;
    std::uint64_t serial = 0;         // no two in a slot have the same
    std::atomic<bool> worked{false};  // a call of it has returned without a failure
};

// Whether the failure of a call that creates or opens an instance may pass by itself.
inline bool may_pass(ErrorCode code) { return code == ErrorCode::retry || code == ErrorCode::unknown; }

class InstanceMaker {
public:
    // `health` gets what the handler says of itself, from any thread, for as long as an instance lives.
    InstanceMaker(const Pipeline& pipeline, HandlerHealth& health) : pipeline_(pipeline), health_(health) {}

    // Returns an instance that is open. After a failure that may pass, the next call opens the same instance
    // again.
    Result<std::unique_ptr<Instance>> make();
    // Destroys the instance that waits to be opened again, if there is one.
    void discard() { unopened_.reset(); }
    // Closes an instance, which its owner then destroys. A failure is only logged.
    void close(Instance& instance, std::uint32_t timeout_ms) const;

private:
    Result<plugins::HandlerInstance> create(const volley_jobs* jobs);

    const Pipeline& pipeline_;
    HandlerHealth& health_;
    std::unique_ptr<Instance> unopened_;
};

}  // namespace volley::runtime
