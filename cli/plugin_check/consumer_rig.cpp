#include "plugin_check/consumer_rig.hpp"

#include <algorithm>

#include "plugin_check/guarded_array.hpp"

namespace volley::cli::plugin_check {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto patience_with_errors = std::chrono::seconds(10);
constexpr auto patience_with_results = std::chrono::seconds(3);

void ignore_partitions(void*, const volley_partition*, std::uint32_t, std::uint32_t) {}
void ignore_revoked(void*, const volley_partition*, std::uint32_t, std::uint32_t, std::int32_t) {}

bool is_passing(std::int32_t status) {
    return status == VOLLEY_E_RETRY || status == VOLLEY_E_UNKNOWN || status == VOLLEY_E_LOST;
}

void check_view(volley_view view, const std::string& name) {
    require(view.data != nullptr || view.size == 0, name + " has a size but no data",
            "an absent view has data NULL and size 0");
}

void check_message(const volley_message& m) {
    check_view(m.body, "a message's body");
    check_view(m.key, "a message's key");
    check_view(m.id, "a message's id");
    check_view(m.source, "a message's source");
    require(m.headers != nullptr || m.header_count == 0, "a message counts headers but has none",
            "set headers, too");
    for (std::uint32_t i = 0; i < m.header_count; ++i) {
        require(m.headers[i].name.data != nullptr, "a header has no name",
                "every header has a name; its value may be absent");
        check_view(m.headers[i].value, "a header's value");
    }
    require(m.partition >= -1 && m.offset >= -1, "a message has a negative partition or offset",
            "-1 says that there is none: leave the fields as they were given");
}

}  // namespace

ConsumerRig::ConsumerRig(const Setting& setting)
    : setting_(setting),
      life_(setting_, subject_of(setting.file, VOLLEY_KIND_CONSUMER, setting.class_name)) {}

void listen_to_partitions(ConsumerLife& life) {
    static const volley_partition_events events{sizeof events, 0, nullptr, &ignore_partitions,
                                                &ignore_revoked};
    if (const auto* partitions = life.extension_as<volley_ext_partitions>(VOLLEY_EXT_PARTITIONS))
        call_void(life.name("listen"), [&] { partitions->listen(life.get(), &events); });
}

void ConsumerRig::start() {
    life_.must_create();
    listen_to_partitions(life_);
    log_ = life_.extension_as<volley_ext_log>(VOLLEY_EXT_LOG);
    life_.must_open();
}

void ConsumerRig::open_delivery(const volley_message& message, std::vector<Delivery>& out) {
    check_message(message);
    Delivery d{message.handle,       content_of(message),
               bytes_of(message.id), message.delivery_count,
               message.lease_ms,     message.partition,
               message.offset,       message.epoch,
               message.source,       message};
    const bool is_new = open_.emplace(message.handle, d).second;
    require(is_new, "consume gave the handle " + std::to_string(message.handle) + " to two open deliveries",
            "a handle is unique until its delivery is settled");
    out.push_back(std::move(d));
}

Outcome ConsumerRig::consume_once(std::uint32_t capacity, std::uint32_t timeout_ms,
                                  std::vector<Delivery>& out) {
    const std::string name = life_.name("consume");
    GuardedArray<volley_message> room(capacity);
    for (std::uint32_t i = 0; i < capacity; ++i) {
        room[i].partition = -1;
        room[i].offset = -1;
    }
    volley_batch batch{sizeof batch, room.stride(), room.data(), capacity, 0, 0};
    const auto begin = Clock::now();
    const Outcome came = call(name, {VOLLEY_OK, VOLLEY_END}, [&](volley_error* error) {
        return life_.table().consume(life_.get(), &batch, timeout_ms, error);
    });
    constexpr auto slack = std::chrono::seconds(3);
    require(Clock::now() - begin < std::chrono::milliseconds(timeout_ms) + slack,
            name + " waited more than 3 s longer than its timeout of " + std::to_string(timeout_ms) + " ms",
            "return when timeout_ms is over, with what there is");
    require(batch.count <= capacity,
            name + " set count to " + std::to_string(batch.count) + " with a capacity of " +
                std::to_string(capacity),
            "fill at most `capacity` messages; the engine ends the component");
    require(room.is_intact(), name + " wrote behind a message, or behind the last one",
            "step through messages with VOLLEY_AT and message_size, and fill at most `capacity`");
    require(came.status >= 0 || batch.count == 0,
            name + " returned " + came.words() + " and " + std::to_string(batch.count) + " messages",
            "return the messages, and the error from the next call");
    for (std::uint32_t i = 0; i < batch.count; ++i) open_delivery(room[i], out);
    if (came.status == VOLLEY_END) reached_end_ = true;
    check_views();
    return came;
}

std::vector<Delivery> ConsumerRig::consume(std::uint32_t capacity, std::uint32_t timeout_ms) {
    std::vector<Delivery> out;
    const auto patience = Clock::now() + patience_with_errors;
    for (;;) {
        const Outcome came = consume_once(capacity, timeout_ms, out);
        if (came.status >= 0) return out;
        require(is_passing(came.status) && Clock::now() < patience,
                life_.name("consume") + " returned " + came.words(),
                "see its text; the store may be wrong or away");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

std::vector<Delivery> ConsumerRig::consume_all(std::size_t count, std::chrono::milliseconds patience) {
    std::vector<Delivery> all;
    auto last = Clock::now();
    while (all.size() < count && !reached_end_ && Clock::now() - last < patience) {
        auto some = consume(static_cast<std::uint32_t>(std::min<std::size_t>(count - all.size(), 512)), 100);
        if (!some.empty()) last = Clock::now();
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

void ConsumerRig::check_views() const {
    note("the views of its open deliveries, which it has freed or changed");
    for (const auto& [handle, delivery] : open_) {
        const std::string changed = difference(delivery.content, content_of(delivery.views));
        require(changed.empty(), "the views of an open delivery have changed: " + changed,
                "keep the bytes of a message as they are until settle has closed its delivery");
    }
    note("");
}

Outcome ConsumerRig::settle_once(const std::vector<Settled>& wanted, std::vector<std::int32_t>& results) {
    const std::string name = life_.name("settle");
    const auto count = static_cast<std::uint32_t>(wanted.size());
    GuardedArray<volley_settlement> room(count);
    std::string text = "the reason of a settlement";
    for (std::uint32_t i = 0; i < count; ++i) {
        const bool failed = wanted[i].outcome == VOLLEY_NACK;
        room[i].handle = wanted[i].handle;
        room[i].outcome = wanted[i].outcome;
        room[i].result = VOLLEY_E_RETRY;
        room[i].delay_ms = wanted[i].delay_ms;
        room[i].reason = failed ? std::uint32_t{VOLLEY_REASON_HANDLER_RETRY} : 0;
        room[i].attempts = 1;
        if (failed) room[i].text = {text.data(), text.size()};
    }
    const Outcome done = call(name, {VOLLEY_OK}, [&](volley_error* error) {
        return life_.table().settle(life_.get(), room.data(), count, room.stride(), error);
    });
    std::fill(text.begin(), text.end(), '\xDD');
    require(room.is_intact(), name + " wrote behind a settlement",
            "step through settlements with VOLLEY_AT and `stride`");
    results.assign(count, VOLLEY_E_RETRY);
    for (std::uint32_t i = 0; i < count && done.ok(); ++i) {
        results[i] = room[i].result;
        require(results[i] == VOLLEY_OK || results[i] == VOLLEY_E_LOST || results[i] == VOLLEY_E_UNKNOWN ||
                    results[i] == VOLLEY_E_RETRY,
                name + " set a result to " + status_name(results[i]),
                "a result is VOLLEY_OK, VOLLEY_E_LOST, or VOLLEY_E_RETRY while the delivery stays open");
    }
    return done;
}

std::vector<std::int32_t> ConsumerRig::settle(const std::vector<Settled>& wanted) {
    check_views();
    std::vector<std::int32_t> results(wanted.size(), VOLLEY_E_RETRY);
    std::vector<Delivery> acked;
    for (const auto begin = Clock::now();;) {
        std::vector<Settled> left;
        std::vector<std::size_t> of;
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (results[i] != VOLLEY_E_RETRY) continue;
            left.push_back(wanted[i]);
            of.push_back(i);
        }
        if (left.empty()) break;
        std::vector<std::int32_t> some;
        const Outcome done = settle_once(left, some);
        for (std::size_t i = 0; i < left.size(); ++i) {
            results[of[i]] = some[i];
            const auto delivery = open_.find(left[i].handle);
            if (some[i] == VOLLEY_E_RETRY || delivery == open_.end()) continue;
            if (left[i].outcome == VOLLEY_ACK) acked.push_back(delivery->second);
            open_.erase(delivery);
        }
        const auto patience = done.ok() ? patience_with_results : patience_with_errors;
        require(Clock::now() - begin < patience,
                done.ok() ? life_.name("settle") + " left the results of " + std::to_string(left.size()) +
                                " settlements at VOLLEY_E_RETRY for 3 s"
                          : life_.name("settle") + " returned " + done.words(),
                "set the result of each settlement; VOLLEY_E_RETRY leaves its delivery open");
        if (std::find(results.begin(), results.end(), VOLLEY_E_RETRY) != results.end())
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    commit(acked);
    return results;
}

// In a log only the commit makes an ack durable. The checks ack in order.
void ConsumerRig::commit(const std::vector<Delivery>& acked) {
    if (log_ == nullptr || acked.empty()) return;
    std::map<std::pair<const void*, std::int32_t>, volley_partition> next;
    for (const Delivery& d : acked)
        next[{d.source.data, d.partition}] = {d.source, d.partition, d.epoch, d.offset + 1, {}};
    GuardedArray<volley_partition> room(static_cast<std::uint32_t>(next.size()));
    std::uint32_t count = 0;
    for (const auto& [where, partition] : next) room[count++] = partition;
    call(life_.name("commit"), {VOLLEY_OK, VOLLEY_E_LOST}, [&](volley_error* error) {
        return log_->commit(life_.get(), room.data(), count, room.stride(), 1, close_timeout_ms, error);
    });
}

void ConsumerRig::settle_all(const std::vector<Delivery>& deliveries, std::int32_t outcome,
                             std::uint64_t delay_ms) {
    std::vector<Settled> all;
    for (const Delivery& d : deliveries) all.push_back({d.handle, outcome, delay_ms});
    const auto results = settle(all);
    for (const std::int32_t result : results)
        require(result == VOLLEY_OK,
                life_.name("settle") + " set the result of an open delivery to " + status_name(result),
                "only a delivery whose lease has run out is lost");
}

void ConsumerRig::empty_queue() {
    for (;;) {
        const auto some = consume(512, 50);
        if (some.empty()) return;
        settle_all(some, VOLLEY_ACK);
    }
}

void ConsumerRig::end() {
    std::vector<Settled> rest;
    for (const auto& [handle, delivery] : open_) rest.push_back({handle, VOLLEY_RELEASE, 0});
    if (!rest.empty()) settle(rest);
    life_.end();
}

}  // namespace volley::cli::plugin_check
