// Decides when messages that wait for a handler are a batch, and whether the handler has room for one. Pure:
// time comes in. Owned by the worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "runtime/schedule.hpp"
#include "volley/config.hpp"

namespace volley::runtime {

class Batching {
public:
    // `most_open`: how many batches the handler may have.
    Batching(const std::optional<BatchConfig>& config, std::uint32_t most_open)
        : config_(config), most_open_(most_open) {}

    // Whether the component has batches at all. If not, nothing else may be called.
    bool is_on() const { return config_.has_value(); }

    // Whether a batch may start now: the handler has room, and the messages that wait, the first of them
    // since `oldest`, fill a batch or have waited long enough. `is_last`: no more come.
    bool is_due(std::size_t messages, std::uint64_t bytes, Nanoseconds oldest, Nanoseconds now, bool is_last);
    // After is_due() was false: when it may become true by time alone; the maximum if never.
    Nanoseconds due() const { return due_; }
    // Whether a batch that has `messages` with `bytes` takes one with `more` bytes, too.
    bool takes(std::size_t messages, std::uint64_t bytes, std::uint64_t more) const;

    // A batch of so many messages starts. Returns its number, which is never 0.
    std::uint32_t begin(std::uint32_t messages);
    // A message of batch `number` has left the handler.
    void ended(std::uint32_t number);

private:
    std::optional<BatchConfig> config_;
    std::uint32_t most_open_;
    std::uint32_t last_ = 0;
    std::unordered_map<std::uint32_t, std::uint32_t> open_;  // messages that the handler has, by batch
    Nanoseconds due_ = Nanoseconds::max();
};

}  // namespace volley::runtime
