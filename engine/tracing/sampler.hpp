// Which messages get a span: the samplers that OTEL_TRACES_SAMPLER names. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tracing/context.hpp"

namespace volley::tracing {

struct Sampler {
    // Of 2^63 trace ids so many are sampled.
    std::uint64_t bound = std::uint64_t{1} << 63U;
    bool is_parent_based = true;  // what the sender decided counts, if there is a sender

    // `parent`: what the message carries; null: nothing valid.
    bool samples(const SpanContext* parent, std::uint64_t trace_low) const {
        if (parent != nullptr && is_parent_based) return parent->is_sampled;
        return trace_low >> 1U < bound;
    }
};

// Returns nothing for an unknown name. `argument` is OTEL_TRACES_SAMPLER_ARG: the ratio of the samplers that
// have one. A ratio that is no number between 0 and 1 sets `*is_argument_wrong` and counts as 1.
std::optional<Sampler> sampler_named(std::string_view name, std::string_view argument,
                                     bool* is_argument_wrong);

}  // namespace volley::tracing
