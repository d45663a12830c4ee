// Decides when messages that wait for a handler are a batch, and whether the handler has room for one. Pure:
// time comes in. Owned by the worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "runtime/pending_calls.hpp"
#include "runtime/schedule.hpp"
#include "volley/config.hpp"

namespace volley::runtime {

class Batching {
public:
    // `most_open`: how many batches the handler may have.
    Batching(const std::optional<BatchConfig>& config, std::uint32_t most_open)
        : config_(config), most_open_(most_open) {}

    // Whether the component has batches at all. If not, only ended() may be called.
    bool is_on() const { return config_.has_value(); }

    // Whether a batch may start now: the handler has room, and the messages that wait, the first of them
    // since `oldest`, fill a batch or have waited long enough. `is_last`: no more come.
    bool is_due(std::size_t messages, std::uint64_t bytes, Nanoseconds oldest, Nanoseconds now, bool is_last);
    // After is_due() was false: when it may become true by time alone; the maximum if never.
    Nanoseconds due() const { return due_; }
    // Whether a batch that has `messages` with `bytes` takes one with `more` bytes, too.
    bool takes(std::size_t messages, std::uint64_t bytes, std::uint64_t more) const;

    // A batch starts, of the messages in these places. Requires: there are some.
    void begin(const std::vector<Place>& places);
    // A message has left the handler. It may be in no batch.
    void ended(Place place);

private:
    std::optional<BatchConfig> config_;
    std::uint32_t most_open_;
    std::uint32_t last_ = 0;
    std::unordered_map<std::uint32_t, std::uint32_t> open_;  // messages that the handler has, by batch
    std::vector<std::uint32_t> batch_of_;                    // by place; 0: it is in none
    Nanoseconds due_ = Nanoseconds::max();
};

}  // namespace volley::runtime
