// Which transaction is next, and the consequence of each outcome.
#include "runtime/transaction_pipeline.hpp"

#include <catch2/catch.hpp>

#include "core_rig.hpp"

using namespace rig;
using runtime::TransactionPipeline;
using Call = TransactionPipeline::Call;
using Kind = TransactionPipeline::Conclusion::Kind;
using Outcome = TransactionPipeline::Outcome;
using Slots = std::vector<Slot>;

namespace {

constexpr std::size_t worth_posting = 128;

struct Rig : Core {
    explicit Rig(bool posts) {
        core.use_transactions();
        lane = core.open_lane();
        transactions.use(posts);
    }
    // Receives and handles messages with `outputs` records each. Their handles and tokens ascend.
    Slots handle(std::size_t count, std::uint32_t outputs = 1, std::uint32_t bytes = 1) {
        Slots slots;
        for (std::size_t i = 0; i < count; ++i) slots.push_back(receive(++messages, lane, -1, bytes));
        take();
        for (const Slot slot : slots) {
            for (std::uint32_t n = 0; n < outputs; ++n)
                pipeline.contexts[slot].outputs.emplace_back().record.token = ++records;
            handled(slot, delivery::Verdict::ok, outputs);
        }
        return slots;
    }
    // Returns the slots of the transaction that next() posts.
    Slots post() {
        REQUIRE(transactions.next() == Call::post);
        Slots slots = transactions.prepared().slots;
        transactions.is_posted();
        return slots;
    }
    // Returns the slots of the transaction that next() commits.
    Slots next_commit() {
        REQUIRE(transactions.next() == Call::commit);
        return transactions.prepared().slots;
    }
    std::vector<std::uint64_t> tokens() {
        std::vector<std::uint64_t> all;
        for (const volley_record& record : transactions.prepared().records) all.push_back(record.token);
        return all;
    }
    std::uint64_t count_done() const { return core.counters().done; }

    delivery::Lane lane = 0;
    std::uint64_t messages = 0;
    std::uint64_t records = 0;
    TransactionPipeline transactions{core, pipeline.contexts};
};

}  // namespace

TEST_CASE("a transaction has the records and the acks of handled messages, in their order",
          "[transactions]") {
    Rig rig(false);
    CHECK(rig.transactions.next() == Call::none);
    const Slots handled = rig.handle(3, 2);
    CHECK(rig.next_commit() == handled);
    CHECK(rig.tokens() == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6});
    const auto& acks = rig.transactions.prepared().acks;
    REQUIRE(acks.size() == 3);
    CHECK(acks[0].handle == 1);
    CHECK(acks[2].handle == 3);
    CHECK(acks[0].outcome == VOLLEY_ACK);
    CHECK(acks[0].attempts == 1);
    const auto conclusion = rig.transactions.conclude(Outcome::committed);
    CHECK(conclusion.kind == Kind::committed);
    CHECK(conclusion.slots == handled);
    CHECK(conclusion.records == 6);
    CHECK(rig.count_done() == 3);
    CHECK(rig.transactions.is_empty());
    CHECK(rig.transactions.next() == Call::none);
}

// ---- what is on its way

TEST_CASE("a second transaction is posted only when it is worth it", "[transactions]") {
    Rig rig(true);
    rig.handle(1);
    CHECK(rig.post().size() == 1);
    rig.handle(worth_posting - 1);
    CHECK(rig.transactions.next() == Call::none);
    rig.handle(1);
    CHECK(rig.post().size() == worth_posting);
}

TEST_CASE("at most two transactions are on their way", "[transactions]") {
    Rig rig(true);
    rig.handle(1);
    rig.post();
    rig.handle(worth_posting);
    rig.post();
    rig.handle(10 * worth_posting);
    CHECK(rig.transactions.next() == Call::none);
    CHECK(rig.transactions.conclude_oldest(Outcome::committed).kind == Kind::committed);
    CHECK(rig.count_done() == 1);
    CHECK(rig.transactions.next() == Call::post);
}

TEST_CASE("a store that takes one commit at a time gets no post", "[transactions]") {
    Rig rig(false);
    rig.handle(3 * worth_posting);
    CHECK(rig.transactions.next() == Call::commit);
    CHECK_FALSE(rig.transactions.has_posted());
    CHECK(rig.transactions.oldest() == nullptr);
}

// ---- repeats

TEST_CASE("what follows an unknown outcome is repeated, one by one, in order, unchanged", "[transactions]") {
    Rig rig(true);
    rig.handle(2);
    const Slots first = rig.post();
    rig.handle(worth_posting);
    const Slots second = rig.post();
    CHECK(rig.transactions.conclude_oldest(Outcome::unknown).kind == Kind::repeated);
    rig.handle(3);
    // The second transaction is still pending.
    CHECK(rig.transactions.next() == Call::none);
    CHECK(rig.transactions.conclude_oldest(Outcome::unknown).kind == Kind::repeated);
    CHECK(rig.next_commit() == first);
    CHECK(rig.tokens() == std::vector<std::uint64_t>{1, 2});
    CHECK(rig.transactions.conclude(Outcome::committed).kind == Kind::committed);
    CHECK(rig.next_commit() == second);
    CHECK(rig.transactions.conclude(Outcome::committed).kind == Kind::committed);
    CHECK(rig.count_done() == 2 + worth_posting);
    // Messages that were handled meanwhile come afterwards.
    CHECK(rig.post().size() == 3);
}

TEST_CASE("nothing begins while a repeat waits", "[transactions]") {
    Rig rig(true);
    rig.handle(1);
    const Slots first = rig.post();
    rig.transactions.conclude_oldest(Outcome::unknown);
    rig.handle(10 * worth_posting);
    for (int tries = 0; tries < 3; ++tries) {
        CHECK(rig.next_commit() == first);
        CHECK(rig.transactions.conclude(Outcome::unknown).kind == Kind::repeated);
    }
    CHECK(rig.next_commit() == first);
}

TEST_CASE("behind a transaction that is repeated no refusal is believed", "[transactions]") {
    for (const Outcome outcome : {Outcome::refused, Outcome::lost, Outcome::broken, Outcome::unknown}) {
        Rig rig(true);
        rig.handle(1);
        const Slots first = rig.post();
        rig.handle(worth_posting);
        const Slots second = rig.post();
        rig.transactions.conclude_oldest(Outcome::unknown);
        rig.transactions.oldest()->acks[0].result = VOLLEY_E_LOST;
        CHECK(rig.transactions.conclude_oldest(outcome).kind == Kind::repeated);
        CHECK(rig.next_commit() == first);
        rig.transactions.conclude(Outcome::committed);
        CHECK(rig.next_commit() == second);
        // The acks are reset to their state at the first call.
        CHECK(rig.transactions.prepared().acks[0].result == VOLLEY_OK);
    }
}

TEST_CASE("a transaction that the connector cannot make is kept", "[transactions]") {
    Rig rig(false);
    const Slots handled = rig.handle(2, 3);
    rig.next_commit();
    const auto conclusion = rig.transactions.conclude(Outcome::broken);
    CHECK(conclusion.kind == Kind::repeated);
    CHECK(conclusion.records == 6);
    CHECK_FALSE(rig.transactions.is_empty());
    CHECK(rig.next_commit() == handled);
}

// ---- lost and refused messages

TEST_CASE("lost messages are released, and the rest is repeated first", "[transactions]") {
    Rig rig(true);
    const Slots handled = rig.handle(3);
    rig.post();
    rig.handle(worth_posting);
    const Slots second = rig.post();
    rig.transactions.oldest()->acks[1].result = VOLLEY_E_LOST;
    CHECK(rig.transactions.conclude_oldest(Outcome::lost).kind == Kind::released);
    CHECK(rig.core.counters().released_by_lease == 1);
    CHECK(rig.count_done() == 0);
    rig.transactions.conclude_oldest(Outcome::unknown);
    CHECK(rig.next_commit() == Slots{handled[0], handled[2]});
    CHECK(rig.tokens() == std::vector<std::uint64_t>{1, 3});
    rig.transactions.conclude(Outcome::committed);
    CHECK(rig.next_commit() == second);
}

TEST_CASE("the rest of a repeat that lost messages comes before what stood behind it", "[transactions]") {
    Rig rig(true);
    const Slots first = rig.handle(2);
    rig.post();
    rig.handle(worth_posting);
    const Slots second = rig.post();
    rig.transactions.conclude_oldest(Outcome::unknown);
    rig.transactions.conclude_oldest(Outcome::unknown);
    CHECK(rig.next_commit() == first);
    rig.transactions.prepared().acks[0].result = VOLLEY_E_LOST;
    CHECK(rig.transactions.conclude(Outcome::lost).kind == Kind::released);
    CHECK(rig.next_commit() == Slots{first[1]});
    rig.transactions.conclude(Outcome::committed);
    CHECK(rig.next_commit() == second);
}

TEST_CASE("when all messages of a transaction are lost nothing is repeated", "[transactions]") {
    Rig rig(false);
    rig.handle(2);
    rig.next_commit();
    for (volley_settlement& ack : rig.transactions.prepared().acks) ack.result = VOLLEY_E_LOST;
    CHECK(rig.transactions.conclude(Outcome::lost).kind == Kind::released);
    CHECK(rig.core.counters().released_by_lease == 2);
    CHECK(rig.transactions.is_empty());
    CHECK(rig.transactions.next() == Call::none);
}

TEST_CASE("a refused transaction is halved until the one message that is refused", "[transactions]") {
    Rig rig(false);
    const Slots all = rig.handle(4);
    CHECK(rig.next_commit() == all);
    CHECK(rig.transactions.conclude(Outcome::refused).kind == Kind::split);
    CHECK(rig.next_commit() == Slots{all[0], all[1]});
    CHECK(rig.transactions.conclude(Outcome::refused).kind == Kind::split);
    CHECK(rig.next_commit() == Slots{all[0]});
    CHECK(rig.transactions.conclude(Outcome::committed).kind == Kind::committed);
    CHECK(rig.next_commit() == Slots{all[1]});
    const auto conclusion = rig.transactions.conclude(Outcome::refused);
    CHECK(conclusion.kind == Kind::refused);
    CHECK(conclusion.slots == Slots{all[1]});
    CHECK(rig.next_commit() == Slots{all[2], all[3]});
    CHECK(rig.transactions.conclude(Outcome::committed).kind == Kind::committed);
    CHECK(rig.count_done() == 3);
    CHECK(rig.transactions.is_empty());
}

// ---- the end

TEST_CASE("at the end everything is released: posted, to be repeated, and taken", "[transactions]") {
    Rig rig(true);
    // Two of the three messages are in a transaction; the third is already taken.
    const Slots handled = rig.handle(3, 400);
    CHECK(rig.post().size() == 2);
    const bool repeats = GENERATE(false, true);
    if (repeats) rig.transactions.conclude_oldest(Outcome::unknown);
    CHECK(rig.transactions.has_posted() != repeats);
    rig.transactions.release_all();
    CHECK(rig.transactions.is_empty());
    CHECK(rig.transactions.next() == Call::none);
    CHECK(rig.core.counters().done == 0);
    CHECK(rig.core.counters().released == 3);
    // Pending transactions may be stored.
    CHECK(rig.core.counters().possible_duplicates >= 2);
    for (const delivery::Settlement& s : rig.settlements())
        CHECK(s.kind == delivery::SettlementKind::release);
}

// ---- limits of one transaction

TEST_CASE("a transaction has at most 512 messages", "[transactions]") {
    Rig rig(false);
    rig.handle(600);
    CHECK(rig.next_commit().size() == 512);
    rig.transactions.conclude(Outcome::committed);
    CHECK(rig.next_commit().size() == 88);
}

TEST_CASE("a transaction has at most 1000 records, unless one message alone has more", "[transactions]") {
    Rig rig(false);
    const Slots handled = rig.handle(3, 500);
    CHECK(rig.next_commit() == Slots{handled[0], handled[1]});
    rig.transactions.conclude(Outcome::committed);
    CHECK(rig.next_commit() == Slots{handled[2]});
    rig.transactions.conclude(Outcome::committed);
    const Slots large = rig.handle(2, 1001);
    CHECK(rig.next_commit() == Slots{large[0]});
    CHECK(rig.transactions.prepared().records.size() == 1001);
}

TEST_CASE("a transaction has at most 8 MiB, unless one message alone has more", "[transactions]") {
    constexpr std::uint32_t MiB = 1U << 20U;
    Rig rig(false);
    const Slots handled = rig.handle(3, 1, 4 * MiB);
    CHECK(rig.next_commit() == Slots{handled[0], handled[1]});
    rig.transactions.conclude(Outcome::committed);
    CHECK(rig.next_commit() == Slots{handled[2]});
    rig.transactions.conclude(Outcome::committed);
    const Slots large = rig.handle(2, 1, 9 * MiB);
    CHECK(rig.next_commit() == Slots{large[0]});
}
