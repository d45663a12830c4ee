// Checks of volley.atomic: outputs and acks together.
#include "plugin_check/consumer_rig.hpp"
#include "plugin_check/guarded_array.hpp"
#include "plugin_check/producer_rig.hpp"
#include "plugin_check/samples.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

using namespace std::chrono_literals;

constexpr auto wait_for_all = 10s;

Setting with_value(Setting setting, const std::string& value) {
    setting.value = value;
    return setting;
}

// A queue that is fed and consumed, and another one that the transactions write to.
class Exchange {
public:
    Exchange(const Setting& consumer, const Setting& producer)
        : out_(producer.value + "-out"),
          producer_setting_(with_value(producer, out_)),
          read_out_(with_value(consumer, out_)),
          rig_(consumer),
          result_(read_out_),
          feed_(producer),
          producer_(producer_setting_) {}

    // Ends the child as inapplicable if the two share no transaction.
    void start() {
        rig_.start();
        producer_.start();
        table_ = producer_.life().extension_as<volley_ext_atomic>(VOLLEY_EXT_ATOMIC);
        if (table_ == nullptr) inapplicable("the producer does not offer " VOLLEY_EXT_ATOMIC);
        std::int32_t joins = 0;
        call_void(producer_.life().name("joins"),
                  [&] { joins = table_->joins(producer_.life().get(), rig_.life().get()); });
        if (joins != 1) inapplicable("joins says that the two share no store");
        if (rig_.is_log()) inapplicable("in a log the engine commits offsets with it");
        result_.start();
        feed_.start();
        rig_.empty_queue();
        result_.empty_queue();
    }
    std::vector<Delivery> deliver(std::size_t count) {
        feed_.store(plain_messages(count));
        auto came = rig_.consume_all(count, wait_for_all);
        require(came.size() == count, std::to_string(count) + " stored messages did not come",
                "deliver them");
        return came;
    }
    // Acks the deliveries, and sends `count` records. The results are those of the acks.
    Outcome commit(const std::vector<Delivery>& acked, std::uint32_t count,
                   std::vector<std::int32_t>& results) {
        GuardedArray<volley_record> records(count);
        for (std::uint32_t i = 0; i < count; ++i)
            records[i] = names_.add(plain(100 + i), "check-" + std::to_string(i), out_);
        const auto acks_count = static_cast<std::uint32_t>(acked.size());
        GuardedArray<volley_settlement> acks(acks_count);
        for (std::uint32_t i = 0; i < acks_count; ++i)
            acks[i] = {acked[i].handle, VOLLEY_ACK, VOLLEY_E_RETRY, 0, 0, 1, {}};
        volley_transaction t{sizeof t,   records.stride(), records.data(), count,
                             acks_count, acks.data(),      acks.stride(),  10'000};
        const Outcome done = call("commit", {VOLLEY_OK}, [&](volley_error* error) {
            return table_->commit(producer_.life().get(), rig_.life().get(), &t, error);
        });
        require(records.is_intact() && acks.is_intact(), "commit wrote behind a record or a settlement",
                "step with their sizes");
        results.clear();
        for (std::uint32_t i = 0; i < acks_count; ++i) results.push_back(acks[i].result);
        if (done.ok())
            for (const Delivery& d : acked) rig_.forget(d.handle);
        return done;
    }
    ConsumerRig& rig() { return rig_; }
    ConsumerRig& result() { return result_; }
    void end() {
        feed_.end();
        producer_.end();
        result_.end();
        rig_.end();
    }

private:
    std::string out_;
    Setting producer_setting_, read_out_;
    ConsumerRig rig_, result_;
    ProducerRig feed_, producer_;
    const volley_ext_atomic* table_ = nullptr;
    Reports names_;
};

Verdict atomic(const Setting& consumer, const Setting& producer) {
    Exchange exchange(consumer, producer);
    exchange.start();
    const auto came = exchange.deliver(5);
    std::vector<std::int32_t> results;
    const Outcome done = exchange.commit(came, 3, results);
    require(done.ok(), "commit returned " + done.words(), "see its text");
    require(exchange.rig().consume_all(1, 300ms).empty(), "a message came after a transaction that acked it",
            "ack and outputs are one transaction");
    const auto outputs = exchange.result().consume_all(3, wait_for_all);
    require(outputs.size() == 3,
            "of the 3 records of a transaction " + std::to_string(outputs.size()) + " came",
            "store all or none");
    exchange.result().settle_all(outputs, VOLLEY_ACK);
    exchange.end();
    return conformance::passed();
}

// A delivery that is not the consumer's any more keeps the whole transaction from happening.
Verdict atomic_lost(const Setting& consumer, const Setting& producer) {
    Exchange exchange(consumer, producer);
    exchange.start();
    auto came = exchange.deliver(2);
    exchange.rig().settle({{came[1].handle, VOLLEY_ACK, 0}});
    std::vector<std::int32_t> results;
    const Outcome lost = exchange.commit(came, 1, results);
    require(lost.status == VOLLEY_E_LOST,
            "a commit with a delivery that was settled before returned " + lost.words(),
            "return VOLLEY_E_LOST, and do nothing of it");
    require(
        results[1] == VOLLEY_E_LOST && results[0] != VOLLEY_E_LOST,
        "a commit that is VOLLEY_E_LOST does not say which delivery is lost",
        "set the result of those that are not the consumer's any more to VOLLEY_E_LOST, and of no others");
    require(exchange.result().consume_all(1, 300ms).empty(),
            "a record came of a transaction that was VOLLEY_E_LOST", "none of it happens");
    came.pop_back();
    const Outcome done = exchange.commit(came, 1, results);
    require(done.ok(), "a commit without what was lost returned " + done.words(),
            "what is left can be committed");
    const auto outputs = exchange.result().consume_all(1, wait_for_all);
    require(outputs.size() == 1, "the record of a repeated transaction did not come", "store it");
    exchange.result().settle_all(outputs, VOLLEY_ACK);
    exchange.end();
    return conformance::passed();
}

}  // namespace

std::vector<Check> transaction_checks() {
    return {
        {"atomic", "Outputs and acks of a transaction appear together", Of::pair, true, &atomic},
        {"atomic-lost", "A transaction with a lost delivery does not happen, and says which it is", Of::pair,
         true, &atomic_lost},
    };
}

}  // namespace volley::cli::plugin_check
