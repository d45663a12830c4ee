// Checks of a consumer and a producer of one store: what is stored comes, and goes when it is settled.
#include <algorithm>
#include <set>

#include "plugin_check/consumer_rig.hpp"
#include "plugin_check/producer_rig.hpp"
#include "plugin_check/samples.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

using namespace std::chrono_literals;

// Both ends of one queue. It is empty.
struct Pair {
    Pair(const Setting& consumer_setting, const Setting& producer_setting)
        : consumer(consumer_setting), producer(producer_setting) {
        consumer.start();
        producer.start();
        consumer.empty_queue();
        if (consumer.reached_end()) inapplicable("the source is bounded");
    }
    void end() {
        producer.end();
        consumer.end();
    }
    // Takes exactly so many.
    std::vector<Delivery> take(std::size_t count) {
        const auto patience = consumer.is_log() ? 15s : 5s;  // a log assigns partitions first
        auto came = consumer.consume_all(count, patience);
        require(came.size() == count,
                "of " + std::to_string(count) + " stored messages " + std::to_string(came.size()) + " came",
                "consume delivers all that was reported with VOLLEY_OK");
        return came;
    }
    void expect_empty(const std::string& after) {
        const auto more = consumer.consume_all(1, 200ms);
        require(more.empty(), "a message came after " + after,
                "a message that is acked is gone, and comes once while it is open");
    }

    ConsumerRig consumer;
    ProducerRig producer;
};

std::multiset<std::string> bodies_of(const std::vector<Delivery>& deliveries) {
    std::multiset<std::string> out;
    for (const Delivery& d : deliveries) out.insert(d.content.body.value_or(""));
    return out;
}

void expect_plain(const std::vector<Delivery>& came, std::size_t count) {
    std::multiset<std::string> wanted;
    for (const Content& c : plain_messages(count)) wanted.insert(*c.body);
    require(bodies_of(came) == wanted, "the messages that came are not those that were stored",
            "copy what lives longer than a call: the bytes of a record are void after its report");
}

Verdict bytes(const Setting& consumer, const Setting& producer) {
    Pair pair(consumer, producer);
    std::string refused;
    for (const Sample& sample : odd_messages(pair.producer.life().flags())) {
        const auto token = pair.producer.produce({sample.content}).front();
        pair.producer.wait_for_reports();
        const std::int32_t status = pair.producer.reports().status_of(token);
        if (status != VOLLEY_OK) {
            require(sample.what != "a plain body", sample.what + " was reported with " + status_name(status),
                    "store it");
            refused += (refused.empty() ? "" : ", ") + sample.what + " (" + status_name(status) + ")";
            continue;
        }
        const auto came = pair.take(1);
        const std::string wrong = difference(sample.content, came.front().content);
        require(wrong.empty(), "a message with " + sample.what + " comes with another content: " + wrong,
                "deliver byte for byte what was stored, or refuse the record with VOLLEY_E_PERMANENT");
        pair.consumer.settle_all(came, VOLLEY_ACK);
    }
    pair.end();
    return conformance::passed(refused.empty() ? "" : "refused: " + refused);
}

void check_order(const std::vector<Delivery>& came, std::uint64_t flags_of_both) {
    if ((flags_of_both & VOLLEY_ORDERED) == 0) return;
    std::map<std::int32_t, std::size_t> last;  // by partition
    for (const Delivery& d : came) {
        const std::size_t number = number_of(d.content).value_or(0) + 1;
        require(number > last[d.partition],
                "message " + std::to_string(number - 1) + " came after message " +
                    std::to_string(last[d.partition] - 1),
                "keep the order of a partition, or do not declare VOLLEY_ORDERED");
        last[d.partition] = number;
    }
}

Verdict thousand(const Setting& consumer, const Setting& producer) {
    Pair pair(consumer, producer);
    pair.producer.store(plain_messages(1000));
    const auto came = pair.take(1000);
    expect_plain(came, 1000);
    check_order(came, pair.consumer.life().flags() & pair.producer.life().flags());
    pair.consumer.settle_all(came, VOLLEY_ACK);
    pair.expect_empty("1,000 acks");
    pair.end();
    const bool is_ordered =
        (pair.consumer.life().flags() & pair.producer.life().flags() & VOLLEY_ORDERED) != 0;
    return conformance::passed(is_ordered ? "in order"
                                          : "no order: one of them does not declare VOLLEY_ORDERED");
}

Verdict capacity(const Setting& consumer, const Setting& producer) {
    Pair pair(consumer, producer);
    pair.producer.store(plain_messages(20));
    std::vector<Delivery> all;
    for (const std::uint32_t n : {1u, 3u, 7u}) {
        const auto some = pair.consumer.consume(n, 1000);  // the rig checks that there are no more than n
        all.insert(all.end(), some.begin(), some.end());
    }
    const auto rest = pair.take(20 - all.size());
    all.insert(all.end(), rest.begin(), rest.end());
    expect_plain(all, 20);
    pair.consumer.settle_all(all, VOLLEY_ACK);
    pair.end();
    return conformance::passed();
}

// The views of what is open stay while others are consumed and settled.
Verdict views(const Setting& consumer, const Setting& producer) {
    Pair pair(consumer, producer);
    pair.producer.store(plain_messages(200));
    auto open = pair.take(100);
    while (open.size() > 1) {
        // From the middle, the front and the end in turn, so that nothing may count on an order.
        const std::size_t at = open.size() % 3 == 0   ? open.size() / 2
                               : open.size() % 3 == 1 ? 0
                                                      : open.size() - 1;
        pair.consumer.settle_all({open[at]}, VOLLEY_ACK);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
        if (open.size() % 10 == 0) {
            const auto more = pair.take(10);
            pair.consumer.settle_all(more, VOLLEY_ACK);
        }
    }
    pair.consumer.settle_all(open, VOLLEY_ACK);
    pair.consumer.empty_queue();
    pair.end();
    return conformance::passed();
}

Verdict settle_outcomes(const Setting& consumer, const Setting& producer) {
    Pair pair(consumer, producer);
    if (pair.consumer.is_log()) inapplicable("a log has no nack: the engine seeks");
    pair.producer.store(plain_messages(30));
    const auto came = pair.take(30);
    std::vector<Settled> mixed;
    for (std::size_t i = 0; i < came.size(); ++i)
        mixed.push_back({came[i].handle,
                         i % 3 == 0   ? VOLLEY_ACK
                         : i % 3 == 1 ? VOLLEY_NACK
                                      : VOLLEY_RELEASE,
                         0});
    std::reverse(mixed.begin(), mixed.end());
    for (const std::int32_t result : pair.consumer.settle(mixed))
        require(result == VOLLEY_OK, "settle set a result to " + status_name(result),
                "each of these deliveries was open");
    const auto again = pair.take(20);
    std::multiset<std::string> wanted;
    for (std::size_t i = 0; i < came.size(); ++i)
        if (i % 3 != 0) wanted.insert(*came[i].content.body);
    require(bodies_of(again) == wanted,
            "after acks, nacks and releases others came than those nacked and released",
            "an ack deletes its own message; a nack and a release put theirs back");
    pair.consumer.settle_all(again, VOLLEY_ACK);
    pair.expect_empty("the last ack");
    pair.end();
    return conformance::passed();
}

// Settles one message with `outcome`, and returns its delivery counts before and after.
std::pair<std::uint32_t, std::uint32_t> count_after(Pair& pair, std::int32_t outcome) {
    pair.producer.store(plain_messages(1));
    const auto first = pair.take(1);
    pair.consumer.settle_all(first, outcome);
    const auto second = pair.take(1);
    require(first.front().content == second.front().content, "a message comes again with another content",
            "keep it as it was");
    pair.consumer.settle_all(second, VOLLEY_ACK);
    return {first.front().delivery_count, second.front().delivery_count};
}

Verdict delivery_count(const Setting& consumer, const Setting& producer) {
    Pair pair(consumer, producer);
    if (pair.consumer.is_log()) inapplicable("a log does not count deliveries");
    const auto nacked = count_after(pair, VOLLEY_NACK);
    const auto released = count_after(pair, VOLLEY_RELEASE);
    if (nacked.first == 0) inapplicable("the store does not count deliveries");
    require(nacked.first == 1, "the delivery_count of a new message is " + std::to_string(nacked.first),
            "it is 1 the first time");
    require(nacked.second == 2, "the delivery_count after a nack is " + std::to_string(nacked.second),
            "a nack counts as a delivery: 2");
    if (released.second != 1)
        doubt("the delivery_count after a release is " + std::to_string(released.second),
              "do not count a delivery that is released, if the store can do that");
    pair.end();
    return conformance::passed();
}

Verdict nack_delay(const Setting& consumer, const Setting& producer) {
    Pair pair(consumer, producer);
    if (pair.consumer.is_log() || (pair.consumer.life().flags() & VOLLEY_CAN_DELAY) == 0)
        inapplicable("its class does not declare VOLLEY_CAN_DELAY");
    pair.producer.store(plain_messages(1));
    constexpr std::uint64_t delay_ms = 1000;
    pair.consumer.settle_all(pair.take(1), VOLLEY_NACK, delay_ms);
    const auto begin = std::chrono::steady_clock::now();
    const auto again = pair.take(1);
    constexpr auto least = std::chrono::milliseconds(delay_ms - 100);  // clocks of two machines
    require(std::chrono::steady_clock::now() - begin > least,
            "a message that was nacked with a delay of 1 s came before that",
            "deliver it no sooner than delay_ms, or do not declare VOLLEY_CAN_DELAY");
    pair.consumer.settle_all(again, VOLLEY_ACK);
    pair.end();
    return conformance::passed();
}

}  // namespace

std::vector<Check> delivery_checks() {
    return {
        {"bytes", "Bodies, keys and headers of every form come as they were stored", Of::pair, true, &bytes},
        {"thousand", "1,000 messages come once, in order if both declare it, and an ack is for good",
         Of::pair, true, &thousand},
        {"capacity", "consume gives at most as many messages as there is room for", Of::pair, true,
         &capacity},
        {"views", "Views stay as they are until their own delivery is settled", Of::pair, true, &views},
        {"settle", "Acks, nacks and releases in one call do what they say, in any order", Of::pair, true,
         &settle_outcomes},
        {"delivery-count", "A nack counts as a delivery, a release does not", Of::pair, true,
         &delivery_count},
        {"nack-delay", "A nack's delay holds", Of::pair, true, &nack_delay},
    };
}

}  // namespace volley::cli::plugin_check
