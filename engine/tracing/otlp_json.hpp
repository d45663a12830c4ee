// Writes spans as the body of an OTLP/HTTP request in JSON: an ExportTraceServiceRequest of
// opentelemetry/proto/collector/trace/v1, and reads the answer. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tracing/settings.hpp"
#include "tracing/span.hpp"

namespace volley::tracing {

// `epoch_ns`: Unix time less the monotonic clock's. Texts that are not UTF-8 are made so, because a collector
// refuses the whole request otherwise.
std::string encode_request(const std::vector<Span>& spans, const Pairs& resource, std::int64_t epoch_ns);

// What a collector that took a request says of it. Anything but a valid ExportTraceServiceResponse says
// nothing.
struct PartialSuccess {
    std::uint64_t rejected = 0;
    std::string why;
};
PartialSuccess read_response(std::string_view body);

}  // namespace volley::tracing
