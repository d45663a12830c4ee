// Checks of what a store offers beyond delivery: several consumers, identity, inspection, leases, repeats.
#include <algorithm>
#include <set>

#include "plugin_check/consumer_rig.hpp"
#include "plugin_check/guarded_array.hpp"
#include "plugin_check/producer_rig.hpp"
#include "plugin_check/samples.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 10s;

Verdict two_consumers(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig one(consumer), two(consumer);
    ProducerRig producer(producer_setting);
    one.start();
    if (one.is_log()) inapplicable("the consumers of a log share its partitions");
    two.start();
    producer.start();
    one.empty_queue();
    if (one.reached_end()) inapplicable("the source is bounded");
    producer.store(plain_messages(40));
    std::multiset<std::string> bodies;
    std::size_t count = 0;
    const auto until = std::chrono::steady_clock::now() + patience;
    while (count < 40 && std::chrono::steady_clock::now() < until)
        for (ConsumerRig* rig : {&one, &two}) {
            const auto some = rig->consume(7, 50);
            for (const Delivery& d : some) bodies.insert(d.content.body.value_or(""));
            count += some.size();
        }
    const std::set<std::string> distinct(bodies.begin(), bodies.end());
    require(distinct.size() == bodies.size(), "two consumers got the same message at a time",
            "a delivery is one consumer's until it is settled, or its lease is over");
    require(count == 40, "of 40 messages two consumers got " + std::to_string(count),
            "each message comes to one of them");
    one.end();  // releases what it has
    const auto again = two.consume_all(1, patience);
    require(!again.empty(), "what a closed consumer had released came to no other one",
            "a release puts the message back");
    two.settle_all(again, VOLLEY_ACK);
    two.end();
    producer.end();
    return conformance::passed();
}

std::string identity_of(ConsumerRig& rig, const volley_ext_identity& table) {
    volley_view text{};
    const Outcome done = call(rig.life().name("identity"), {VOLLEY_OK}, [&](volley_error* error) {
        return table.identity(rig.life().get(), &text, error);
    });
    require(done.ok(), "identity returned " + done.words(), "answer, or do not offer the extension");
    return bytes_of(text).value_or("");
}

Verdict identity(const Setting& consumer, const Setting& producer_setting) {
    std::string first;
    for (int round = 0; round < 2; ++round) {
        ConsumerRig rig(consumer);
        ProducerRig producer(producer_setting);
        rig.start();
        const auto* table = rig.life().extension_as<volley_ext_identity>(VOLLEY_EXT_IDENTITY);
        if (table == nullptr) inapplicable("it does not offer " VOLLEY_EXT_IDENTITY);
        producer.start();
        producer.store(plain_messages(2));
        const auto came = rig.consume_all(2, patience);
        require(!came.empty(), "a stored message did not come within 10 s", "deliver it");
        const std::string now = identity_of(rig, *table);
        require(now == identity_of(rig, *table), "identity gives two texts for one store",
                "it is that of the store");
        require(round == 0 || now == first, "identity gives another text after a reopen",
                "keep the text in the store, or take the store's own id");
        first = now;
        rig.settle_all(came, VOLLEY_ACK);
        rig.end();
        producer.end();
    }
    return conformance::passed();
}

std::vector<std::string> peeked(ConsumerRig& rig, const volley_ext_inspect& table, std::uint32_t capacity,
                                std::uint64_t skip) {
    GuardedArray<volley_message> room(capacity);
    volley_batch batch{sizeof batch, room.stride(), room.data(), capacity, 0, 0};
    const Outcome done = call(rig.life().name("peek"), {VOLLEY_OK}, [&](volley_error* error) {
        return table.peek(rig.life().get(), &batch, skip, error);
    });
    require(done.ok(), "peek returned " + done.words(), "see its text");
    require(batch.count <= capacity && room.is_intact(), "peek wrote behind its room",
            "fill at most `capacity` messages");
    std::vector<std::string> out;
    for (std::uint32_t i = 0; i < batch.count; ++i) out.push_back(bytes_of(room[i].body).value_or(""));
    return out;
}

Verdict inspect(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig rig(consumer);
    ProducerRig producer(producer_setting);
    rig.start();
    const auto* table = rig.life().extension_as<volley_ext_inspect>(VOLLEY_EXT_INSPECT);
    if (table == nullptr) inapplicable("it does not offer " VOLLEY_EXT_INSPECT);
    producer.start();
    rig.empty_queue();
    if (rig.reached_end()) inapplicable("the source is bounded");
    producer.store(plain_messages(10));
    if (table->stats != nullptr) {
        volley_stats stats{sizeof stats, 0, -1, -1, -1, -1, -1};
        const Outcome done = call(rig.life().name("stats"), {VOLLEY_OK}, [&](volley_error* error) {
            return table->stats(rig.life().get(), &stats, error);
        });
        require(done.ok(), "stats returned " + done.words(), "what is not known is -1");
        require(stats.ready == 10 || stats.ready == -1 || rig.is_log(),
                "stats says that " + std::to_string(stats.ready) + " messages wait, and there are 10",
                "count them, or say -1");
    }
    if (table->peek != nullptr) {
        const auto all = peeked(rig, *table, 20, 0), rest = peeked(rig, *table, 20, 7);
        require(rig.is_log() || (all.size() == 10 && rest.size() == 3),
                "peek shows " + std::to_string(all.size()) + " of 10 messages, and " +
                    std::to_string(rest.size()) + " after 7",
                "show what waits, from `skip` on");
    }
    if (table->check != nullptr) {
        const Outcome done = call(rig.life().name("check"), {VOLLEY_OK}, [&](volley_error* error) {
            return table->check(rig.life().get(), 1000, error);
        });
        require(done.ok(), "check returned " + done.words(), "the store answers other calls");
    }
    const auto came = rig.consume_all(10, patience);
    require(came.size() == 10, "after stats and peek " + std::to_string(came.size()) + " of 10 messages came",
            "peek takes nothing");
    rig.settle_all(came, VOLLEY_ACK);
    rig.end();
    producer.end();
    return conformance::passed();
}

Verdict lease(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig rig(consumer), other(consumer);
    ProducerRig producer(producer_setting);
    rig.start();
    const auto* table = rig.life().extension_as<volley_ext_lease>(VOLLEY_EXT_LEASE);
    if (table == nullptr) inapplicable("it does not offer " VOLLEY_EXT_LEASE);
    producer.start();
    rig.empty_queue();
    producer.store(plain_messages(3));
    const auto came = rig.consume_all(3, patience);
    require(came.size() == 3, "3 stored messages did not come", "deliver them");
    std::vector<std::uint64_t> handles;
    for (const Delivery& d : came) {
        require(d.lease_ms > 0, "it offers " VOLLEY_EXT_LEASE ", but a message has lease_ms 0",
                "set lease_ms");
        handles.push_back(d.handle);
    }
    std::vector<std::int32_t> results(handles.size() + 1, VOLLEY_OK);
    results.back() = 0x5A5A;
    const Outcome done = call(rig.life().name("extend"), {VOLLEY_OK}, [&](volley_error* error) {
        return table->extend(rig.life().get(), handles.data(), results.data(),
                             static_cast<std::uint32_t>(handles.size()), came.front().lease_ms, error);
    });
    require(done.ok(), "extend returned " + done.words(), "say in results[] what became of each");
    require(results.back() == 0x5A5A, "extend wrote behind its results", "there are `count` of them");
    for (std::size_t i = 0; i < handles.size(); ++i)
        require(results[i] == VOLLEY_OK,
                "extend set the result of an open delivery to " + status_name(results[i]),
                "only a lease that has run out is lost");
    other.start();
    require(other.consume_all(1, 300ms).empty(), "a message came to another consumer while its lease ran",
            "a lease is exclusive");
    rig.settle_all(came, VOLLEY_ACK);
    other.end();
    rig.end();
    producer.end();
    return conformance::passed("lease " + std::to_string(came.front().lease_ms) + " ms");
}

Verdict dedup(const Setting& consumer, const Setting& producer_setting) {
    ConsumerRig rig(consumer);
    ProducerRig producer(producer_setting);
    rig.start();
    producer.start();
    if ((producer.life().flags() & VOLLEY_CAN_DEDUP) == 0)
        inapplicable("its class does not declare VOLLEY_CAN_DEDUP");
    rig.empty_queue();
    for (int round = 0; round < 2; ++round) {
        const auto tokens = producer.produce(plain_messages(3), "repeat-");
        producer.wait_for_reports();
        for (const std::uint64_t token : tokens)
            require(producer.reports().status_of(token) == VOLLEY_OK,
                    "a repeated record was not reported with VOLLEY_OK",
                    "what is stored already is VOLLEY_OK");
    }
    producer.produce({plain(77)}, "repeat-");  // the id of the first, and another content
    producer.wait_for_reports();
    const auto came = rig.consume_all(5, 500ms);
    require(came.size() == 4,
            "of 3 records, 3 repeats and one with a used id and another content " +
                std::to_string(came.size()) + " came",
            "do not store a record again whose id and content are those of one in the queue; another content "
            "is another record");
    rig.settle_all(came, VOLLEY_ACK);
    rig.end();
    producer.end();
    return conformance::passed();
}

}  // namespace

std::vector<Check> store_checks() {
    return {
        {"two-consumers", "Two consumers never have the same message; a release reaches the other one",
         Of::pair, true, &two_consumers},
        {"identity", "The store's identity stays the same", Of::pair, true, &identity},
        {"inspect", "stats, peek and check tell what waits, and take nothing", Of::pair, true, &inspect},
        {"lease", "A lease can be extended, and is exclusive", Of::pair, true, &lease},
        {"dedup", "A record that is repeated under its id is stored once", Of::pair, true, &dedup},
    };
}

}  // namespace volley::cli::plugin_check
