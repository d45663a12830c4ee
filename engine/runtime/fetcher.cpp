#include "runtime/fetcher.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

Fetcher::Fetcher(Pipeline& pipeline, Input& input)
    : pipeline_(pipeline), input_(input), interrupt_([this] { input_.interrupt(); }) {
    blank_.partition = -1;
    blank_.offset = -1;
}

Result<void> Fetcher::fetch(std::uint32_t capacity, std::uint64_t bytes, delivery::Millis wait,
                            bool is_idle) {
    // A consumer without interrupt waits only briefly, so that completions are noticed.
    constexpr delivery::Millis blind_busy{2};
    constexpr delivery::Millis blind_idle{50};
    if (!input_.can_interrupt()) wait = std::min(wait, is_idle ? blind_idle : blind_busy);
    if (messages_.size() < capacity) messages_.resize(capacity, blank_);
    volley_batch batch{};
    batch.struct_size = sizeof batch;
    batch.message_size = sizeof(volley_message);
    batch.messages = messages_.data();
    batch.capacity = capacity;
    batch.max_bytes = bytes;
    Result<std::int32_t> result = VOLLEY_OK;
    wait_in(wait, [&](delivery::Millis time) { result = input_.consume(batch, time); });
    count_ = 0;
    if (!result) {
        messages_.clear();  // whatever the consumer filled in
        return failed(result.error());
    }
    count_ = batch.count;
    if (outage_.succeeded()) {
        log::info("the input is back",
                  {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}});
    }
    is_up_ = true;
    ended_ = *result == VOLLEY_END;
    return {};
}

Result<void> Fetcher::wait_without_fetching(delivery::Millis wait, bool poll) {
    if (!poll || !input_.has_poll()) {
        pipeline_.completions.wait_for(wait);
        return {};
    }
    if (!input_.can_interrupt()) wait = std::min(wait, delivery::Millis(2));
    Result<void> result;
    wait_in(wait, [&](delivery::Millis time) { result = input_.poll(time); });
    if (!result) return failed(result.error());
    return {};
}

Result<void> Fetcher::failed(const Error& error) {
    if (!is_passing(error.code)) return error;
    set_down(error.text);
    const delivery::Instant now = runtime::now();
    if (outage_.is_news(error.text, now)) {
        log::warning(
            "the input cannot be read; retrying",
            {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}, {"cause", error.text}});
    }
    next_try_ = now + (error.retry_after_ms > 0 ? delivery::Millis(error.retry_after_ms)
                                                : backoff_.after(outage_.failures()));
    return {};
}

}  // namespace volley::runtime
