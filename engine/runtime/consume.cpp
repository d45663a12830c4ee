// Consume: messages come in, and every one is opened in the core before anything else is done with it.
#include <algorithm>
#include <functional>

#include "log/log.hpp"
#include "runtime/clock.hpp"
#include "runtime/decode.hpp"
#include "runtime/encode.hpp"
#include "runtime/identity.hpp"
#include "runtime/intake.hpp"

namespace volley::runtime {

namespace {

// Of two batches a worker: a connector that takes less at a time may ask for the second while the first
// comes.
constexpr std::uint32_t consume_batch = 1024;
// A store that does not say what it has is idle after so long without a message.
constexpr delivery::Millis idle_after{1000};
constexpr delivery::Millis stats_period{100};
constexpr std::uint32_t most_stores = 1'000'000;

std::uint32_t bytes_of(const volley_message& message) {
    std::size_t bytes = message.body.size + message.key.size;
    for (std::uint32_t i = 0; i < message.header_count; ++i)
        bytes += message.headers[i].name.size + message.headers[i].value.size;
    return static_cast<std::uint32_t>(
        std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

// How many messages may be taken now. A log takes what the window holds. From a store with leases no more is
// taken than can soon start: what waits here burns its receive count and is kept from other processes.
std::uint32_t Intake::room() const {
    std::uint32_t room = std::min(core_.room(), consume_batch);
    if (!core_options_.log) {
        const std::uint64_t most = std::uint64_t{batches_ahead()} * workers_.size() * batch_limit();
        const std::uint64_t open = core_.counters().in_flight;
        room = static_cast<std::uint32_t>(std::min<std::uint64_t>(room, open < most ? most - open : 0));
    }
    return room;
}

void Intake::consume(delivery::Millis wait) {
    const std::uint32_t capacity = room();
    if (capacity == 0 || source_ended_ || now_ < next_try_ || paused_) return rest(wait);
    if (messages_.size() < capacity) messages_.resize(capacity, blank_);
    volley_batch batch{};
    batch.struct_size = sizeof batch;
    batch.message_size = sizeof(volley_message);
    batch.messages = messages_.data();
    batch.capacity = capacity;
    batch.max_bytes = core_.byte_room();
    // Without interrupt, completions are met by short waits.
    constexpr delivery::Millis blind_busy{2};
    constexpr delivery::Millis blind_idle{50};
    if (!consumer_.can_interrupt()) wait = std::min(wait, core_.is_idle() ? blind_idle : blind_busy);
    if (!pipeline_.completions.prepare_to_wait(consumer_.can_interrupt() ? &interrupt_ : nullptr)) {
        wait = delivery::Millis(0);
    }
    const auto result = consumer_.consume(batch, static_cast<std::uint32_t>(wait.count()));
    pipeline_.completions.end_wait();
    now_ = now();
    if (!result) {
        messages_.clear();  // whatever was filled in
        return consume_failed(result.error());
    }
    if (consume_failures_.failures() > 0) {
        log::info("the input is back",
                  {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}});
    }
    consume_failures_.succeeded();
    input_up_.store(true, std::memory_order_relaxed);
    source_ended_ = *result == VOLLEY_END;
    if (batch.count > 0) ask_identity();
    const std::int64_t received_ms = unix_ms();
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        receive(messages_[i], received_ms);
        messages_[i] = blank_;  // as a consumer expects it
    }
    if (batch.count > 0) last_received_ = last_progress_ = now_;
    note_idle(batch.count == 0);
}

// Which store the messages of the last consume are from: a file may be replaced while we run.
void Intake::ask_identity() {
    if (identity_ == nullptr) return;
    volley_view text{};
    volley_error error{};
    error.struct_size = sizeof error;
    const std::int32_t status = identity_->identity(consumer_.get(), &text, &error);
    if (status == VOLLEY_OK) {
        if (store_ != 0 && text_of(text) == store_text_) return;
        store_text_ = text_of(text);
        // Reused only after so many that none of the first is in flight any more.
        last_store_ = last_store_ % most_stores + 1;
        store_ = last_store_;
        pipeline_.stores.grow_to(store_);
        pipeline_.stores[store_] = store_name(store_text_);
        return;
    }
    if (store_ != 0 || !store_told_) {
        log::warning(
            "the input does not say which store it is; after a crash, outputs that were stored may be stored "
            "again",
            {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}, {"cause", error.text}});
    }
    store_told_ = true;
    store_ = 0;
}

void Intake::receive(const volley_message& message, std::int64_t received_ms) {
    const delivery::Lane* lane = lane_of(message);
    if (lane == nullptr) return leave(message.handle);
    delivery::Incoming incoming;
    incoming.handle = message.handle;
    incoming.lane = *lane;
    incoming.offset = message.offset;
    incoming.bytes = bytes_of(message);
    const bool key_inside = !pipeline_.input.key.empty() && core_options_.order == delivery::Order::key;
    if (key_inside) {
        find_key(message, incoming);
    } else if (core_options_.order == delivery::Order::key && !is_absent(message.key)) {
        incoming.has_key = true;
        incoming.key_hash = std::hash<std::string_view>{}(text_of(message.key));
    }
    incoming.redelivered = message.delivery_count > 1;
    const delivery::Slot slot = core_.receive(incoming);
    if (slot == delivery::no_slot) return leave(message.handle);
    pipeline_.works.grow_to(slot);
    Work& work = pipeline_.works[slot];
    work.arrive(message, received_ms, store_);
    if (key_inside) keep_probe(work, slot);
    leases_.saw(message.lease_ms, now_);
}

// The key of a message that carries it in its body; a body that cannot be decoded has none.
void Intake::find_key(const volley_message& message, delivery::Incoming& incoming) {
    constexpr std::size_t on_the_heap = 64;  // so that a swap does not move the text, which the tree is of
    probe_.arrive(message, 0, store_);
    probe_.begin();
    probe_.is_clean = false;  // whatever comes of it
    probe_.scratch.reserve(on_the_heap);
    probe_.refused = decode(pipeline_, probe_, pipeline_.keeps_tree ? &probe_tree_ : nullptr);
    incoming.has_key = !probe_.refused && !probe_.key.empty();
    incoming.key_hash = std::hash<std::string_view>{}(probe_.key);
}

// The body is parsed once, so what needs its tree is done now, while there is one: those of all that is in
// flight would be too much to keep for the workers.
void Intake::keep_probe(Work& work, delivery::Slot slot) {
    work.begin();
    work.is_clean = false;
    work.refused.swap(probe_.refused);
    if (!probe_.decoded) return;
    work.decoded = true;
    work.key.swap(probe_.key);
    work.scratch.swap(probe_.scratch);
    if (pipeline_.keeps_tree) {
        work.body = work.scratch.empty() ? text_of(work.message.body) : std::string_view(work.scratch);
        for (const auto& port : pipeline_.ports) add_forward(pipeline_, work, slot, port->index);
        work.refused = encode(pipeline_, work, &probe_tree_);
        work.encoded = true;
    }
    work.counted = work.held();
    if (work.counted > 0) core_.grow(slot, work.counted);
}

// The lane of a message; null if its partition is not ours now: then it must not touch the core.
delivery::Lane* Intake::lane_of(const volley_message& message) {
    if (partitions_ == nullptr) return &lanes_.front().lane;
    const auto matches = [&](const AssignedLane& lane) {
        return lane.partition == message.partition &&
               (lane.source_data == message.source.data || lane.source == text_of(message.source));
    };
    if (last_lane_ >= lanes_.size() || !matches(lanes_[last_lane_])) {
        const auto found = std::find_if(lanes_.begin(), lanes_.end(), matches);
        if (found == lanes_.end()) return nullptr;
        found->source_data = message.source.data;
        last_lane_ = static_cast<std::size_t>(found - lanes_.begin());
    }
    AssignedLane& lane = lanes_[last_lane_];
    return lane.epoch == message.epoch ? &lane.lane : nullptr;
}

// Waits without taking anything; the client library goes on being polled.
void Intake::rest(delivery::Millis wait) {
    note_idle(source_ended_ && core_.is_idle());
    if (!posted_.empty()) {
        if (!pipeline_.completions.prepare_to_wait(&interrupt_)) wait = delivery::Millis(0);
        take_outcomes(wait);
        return pipeline_.completions.end_wait();
    }
    const bool held_for_a_moment = held_since_ && !paused_;
    if (!consumer_.has_poll() || held_for_a_moment) {
        return pipeline_.completions.wait_for(held_for_a_moment ? std::min(wait, delivery::Millis(50))
                                                                : wait);
    }
    if (!consumer_.can_interrupt()) wait = std::min(wait, delivery::Millis(2));
    if (!pipeline_.completions.prepare_to_wait(consumer_.can_interrupt() ? &interrupt_ : nullptr)) {
        wait = delivery::Millis(0);
    }
    const auto result = consumer_.poll(static_cast<std::uint32_t>(wait.count()));
    pipeline_.completions.end_wait();
    now_ = now();
    if (!result) consume_failed(result.error());
}

void Intake::consume_failed(const Error& error) {
    if (!is_passing(error.code)) return input_failed(error);
    input_up_.store(false, std::memory_order_relaxed);
    if (consume_failures_.is_news(error.text, now_)) {
        log::warning(
            "the input cannot be read; retrying",
            {{"component", pipeline_.config.name}, {"queue", pipeline_.input.name}, {"cause", error.text}});
    }
    next_try_ = now_ + (error.retry_after_ms > 0 ? delivery::Millis(error.retry_after_ms)
                                                 : backoff(consume_failures_.failures()));
}

// Before a store that failed so often is asked again: with jitter, so that those who lost it together do not
// come back together.
delivery::Millis Intake::backoff(std::uint32_t failures) {
    constexpr std::int64_t longest_ms = 5000;
    const std::int64_t most = std::min<std::int64_t>(50LL << std::min(failures, 10U), longest_ms);
    return delivery::Millis(std::uniform_int_distribution<std::int64_t>(most / 2, most)(random_));
}

void Intake::note_idle(bool nothing_came) {
    if (!options_.watch_idle) return;
    if (!nothing_came || !core_.is_idle() || (partitions_ != nullptr && !was_assigned_)) {
        nothing_since_ = now_;
        idle_.store(false, std::memory_order_release);
        return;
    }
    if (source_ended_) return idle_.store(true, std::memory_order_release);
    if (now_ < next_stats_) return;
    next_stats_ = now_ + stats_period;
    volley_stats stats{};
    stats.struct_size = sizeof stats;
    stats.ready = stats.in_flight = stats.delayed = stats.dead = stats.oldest_ms = -1;
    volley_error error{};
    error.struct_size = sizeof error;
    const bool known = inspect_ != nullptr && inspect_->stats != nullptr &&
                       inspect_->stats(consumer_.get(), &stats, &error) == VOLLEY_OK && stats.ready >= 0;
    const bool idle = known ? stats.ready == 0 && stats.delayed <= 0 : now_ - nothing_since_ >= idle_after;
    idle_.store(idle, std::memory_order_release);
}

}  // namespace volley::runtime
