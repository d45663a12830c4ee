// A sampled message for each bucket of a histogram: the last one that was counted there. Any thread may add
// and read.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/schedule.hpp"
#include "runtime/snapshot.hpp"
#include "tracing/context.hpp"

namespace volley::runtime {

class Exemplars {
public:
    // Requires: the trace is sampled, so that a trace id leads somewhere.
    void note(std::size_t bucket, const tracing::SpanContext& context, double seconds) {
        const double now = static_cast<double>(unix_ms()) / 1000;
        const std::lock_guard lock(mutex_);
        if (noted_.size() <= bucket) noted_.resize(bucket + 1);
        noted_[bucket] = {context.trace_high, context.trace_low, context.span_id, seconds, now};
    }
    // By bucket; empty: there are none.
    std::vector<Exemplar> read() const {
        const std::lock_guard lock(mutex_);
        return noted_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<Exemplar> noted_;  // by bucket
};

}  // namespace volley::runtime
