#include "runtime/feed.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis longest_wait{1000};  // the longest time between two polls of the client library
// Two batches per worker: a connector that takes less at a time can fetch the second while the first arrives.
constexpr std::uint32_t consume_batch = 1024;
// Of a store with leases, beside those that can start.
constexpr std::uint64_t most_kept_waiting = 1000;

}  // namespace

Feed::Feed(IntakeContext& context, Settling& settling, bool orders_by_key)
    : context_(context),
      settling_(settling),
      receiver_(context.pipeline, context.core, context.assignments, orders_by_key) {}

// If the input cannot be paused now, the next turn tries again.
void Feed::hold_input() {
    const bool wants =
        context_.core.wants_messages() && !context_.status.paused.load(std::memory_order_acquire);
    const auto kept = flow_.keep(context_.input, context_.assignments, wants, context_.now);
    if (kept) return;
    if (!is_passing(kept.error().code)) return context_.input_failed(kept.error());
    log::debug(kept.error().text,
               {{"component", context_.pipeline.config.name}, {"doing", "pausing or resuming the input"}});
}

void Feed::wait() {
    const std::uint32_t capacity = room();
    const delivery::Millis wait = until_next();
    Fetcher& fetcher = context_.fetcher;
    if (!context_.drain_deadline && capacity > 0 && fetcher.may_fetch(context_.now) && !flow_.is_paused())
        return fetch(capacity, wait);
    note_idle(fetcher.has_ended() && context_.core.is_idle());
    Result<void> done;
    if (settling_.transactor().has_posted()) {
        fetcher.wait_in(wait,
                        [&](delivery::Millis time) { done = settling_.transactor().take_outcomes(time); });
    } else {
        constexpr delivery::Millis moment{50};
        // A log that is not paused must not be polled, because a poll would take messages.
        const bool awaits_rate = context_.is_log && !flow_.is_paused() && rate_.next() > context_.now;
        const bool for_a_moment = flow_.is_held_for_a_moment() || awaits_rate;
        done = fetcher.wait_without_fetching(for_a_moment ? std::min(wait, moment) : wait, !for_a_moment);
    }
    context_.now = now();
    if (!done) context_.input_failed(done.error());
}

void Feed::fetch(std::uint32_t capacity, delivery::Millis wait) {
    Fetcher& fetcher = context_.fetcher;
    const auto fetched = fetcher.fetch(capacity, context_.core.byte_room(), wait, context_.core.is_idle());
    context_.now = now();
    if (!fetched) return context_.input_failed(fetched.error());
    if (!context_.input.is_open()) return fetcher.hand_over([](const auto&) {});  // given up inside the call
    const std::uint32_t count = fetcher.count();
    rate_.took(count);
    Result<void> known;
    if (count > 0) known = receiver_.ask_identity(context_.input);
    if (!known) context_.input_failed(known.error());
    const std::int64_t received_ms = unix_ms();
    fetcher.hand_over([&](const volley_message& message) {
        if (known && receiver_.receive(message, received_ms))
            settling_.saw_lease(message.lease_ms);
        else
            settling_.release(message.handle);
    });
    if (!fetcher.is_up()) return;
    if (count > 0) context_.stall_watch.received(context_.now);
    note_idle(count == 0);
}

// Returns how many messages may be taken now. From a log: as many as fit into the window. From a store with
// leases: no more than can start soon, because other processes cannot get a message that waits here, and its
// wait may use up one of its deliveries.
std::uint32_t Feed::room() {
    if (context_.status.paused.load(std::memory_order_acquire)) return 0;
    std::uint32_t room = std::min(context_.core.room(), consume_batch);
    rate_.set(context_.status.rate_limit.load(std::memory_order_relaxed), context_.now);
    if (rate_.is_set()) room = std::min(room, rate_.room(context_.now));
    if (context_.is_log) return room;
    const std::uint64_t most = context_.workers.capacity();
    const std::uint64_t open = context_.core.counters().in_flight;
    if (open < most) return static_cast<std::uint32_t>(std::min<std::uint64_t>(room, most - open));
    if (!is_only_waiting(most) || open >= most + most_kept_waiting) return 0;
    return static_cast<std::uint32_t>(std::min({std::uint64_t{room}, most, most + most_kept_waiting - open}));
}

// Whether nothing that is here can start: it waits for its next attempt, or behind a message of its group
// that does. Others can be handled meanwhile, unless their outputs would wait, too.
bool Feed::is_only_waiting(std::uint64_t capacity) const {
    const delivery::Delivery& core = context_.core;
    if (core.has_work() || core.active() >= capacity || core.dead_letters_waiting() > 0) return false;
    if (core.uncommitted() > 0 || !settling_.transactor().is_empty()) return false;
    const auto& output_queues = context_.pipeline.output_queues;
    return std::all_of(output_queues.begin(), output_queues.end(), [](const auto& output_queue) {
        return output_queue->up.load(std::memory_order_relaxed);
    });
}

void Feed::note_idle(bool nothing_came) {
    std::atomic<bool>& idle = context_.status.idle;
    if (!context_.options.watch_idle) return;
    if (!nothing_came || !context_.core.is_idle() || !context_.assignments.was_assigned()) {
        idle_watch_.busy(context_.now);
        return idle.store(false, std::memory_order_release);
    }
    if (context_.fetcher.has_ended()) return idle.store(true, std::memory_order_release);
    if (const auto is_idle = idle_watch_.look(context_.input, context_.now))
        idle.store(*is_idle, std::memory_order_release);
}

delivery::Millis Feed::until_next() const {
    const delivery::Instant now = context_.now;
    delivery::Instant next = std::min(now + longest_wait, settling_.next());
    if (rate_.next() > now) next = std::min(next, rate_.next());
    if (now < context_.fetcher.next_try()) next = std::min(next, context_.fetcher.next_try());
    if (context_.options.watch_idle) next = std::min(next, now + delivery::Millis(50));
    if (context_.drain_deadline) next = std::min(next, *context_.drain_deadline);
    return std::max(next - now, delivery::Millis(0));
}

}  // namespace volley::runtime
