// volley.atomic/1: outputs and acks of one Redis in one script. A commit has a number, which Redis keeps: a
// commit whose reply was lost is repeated with its number and its ids, and does nothing if it was carried
// out.
#include "consumer.hpp"
#include "producer.hpp"
#include "wakes.hpp"

namespace volley::rsmq {

namespace {

using detail::guard;
using detail::self;

// Ids, receipts and bodies are spread over the stack of Redis' Lua.
constexpr std::uint32_t most_in_commit = 1000;

std::int32_t joins(volley_producer* producer, volley_consumer* consumer) {
    std::int32_t same = 0;
    const std::int32_t status = guard(
        nullptr, [&] { same = self<RsmqProducer>(producer).joins(self<RsmqConsumer>(consumer)) ? 1 : 0; });
    return status == VOLLEY_OK ? same : 0;
}

std::int32_t commit(volley_producer* producer, volley_consumer* consumer, volley_transaction* transaction,
                    volley_error* error) {
    const std::int32_t status = guard(error, [&] {
        return self<RsmqProducer>(producer).commit(self<RsmqConsumer>(consumer), *transaction);
    });
    if (status == VOLLEY_E_LOST)
        volley_fail(error, status, "the lease of a message ran out; nothing was committed");
    return status;
}

constexpr volley_ext_atomic functions{sizeof(volley_ext_atomic), 0, &joins, &commit};

}  // namespace

const volley_ext_atomic* atomic_functions() { return &functions; }

bool RsmqProducer::joins(RsmqConsumer& consumer) const {
    return connection_.settings().store() == consumer.connection().settings().store();
}

std::int32_t RsmqProducer::commit(RsmqConsumer& consumer, volley_transaction& t) {
    if (t.record_count > most_in_commit || t.settlement_count > most_in_commit || t.settlement_count == 0) {
        throw Error(ErrorCode::permanent, "a commit has 1 to " + std::to_string(most_in_commit) +
                                              " acks and as many outputs at most");
    }
    std::vector<std::uint64_t> handles;
    bool lost = false;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& one = element(t.settlements, t.settlement_size, i);
        handles.push_back(one.handle);
        one.result = consumer.find(one.handle) != nullptr ? VOLLEY_E_RETRY : VOLLEY_E_LOST;
        lost = lost || one.result == VOLLEY_E_LOST;
    }
    if (lost) return VOLLEY_E_LOST;
    const bool repeat = unsure_ && unsure_->handles == handles && unsure_->ids.size() == t.record_count;
    Unsure work;
    if (repeat) {
        work = *unsure_;
    } else {
        work = {std::move(handles), {}, std::to_string(++commits_)};
        for (std::uint32_t i = 0; i < t.record_count; ++i) work.ids.push_back(new_id());
    }
    Batch outputs;
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const volley_record& record = element(t.records, t.record_size, i);
        const std::string_view body = stored(outputs, record);
        std::string why;
        const std::int32_t verdict = check(record, body, why);
        if (verdict != VOLLEY_OK) throw Error(static_cast<ErrorCode>(verdict), why);
        add(outputs, record, body, work.ids[i]);
    }
    unsure_ = work;
    const std::int32_t status =
        try_commit(consumer, t, work, outputs, repeat);  // if it throws, it stays unsure
    unsure_.reset();
    return status;
}

std::int32_t RsmqProducer::try_commit(RsmqConsumer& consumer, volley_transaction& t, const Unsure& work,
                                      const Batch& outputs, bool repeat) {
    const Settings& out = connection_.settings();
    const Settings& in = consumer.connection().settings();
    const std::string acks = std::to_string(t.settlement_count);
    const std::string_view channel = out.realtime ? out.realtime_key : std::string_view();
    Words arguments{work.number, repeat ? "1" : "0", channel, acks};
    for (const std::uint64_t handle : work.handles) {
        const RsmqConsumer::Delivery& delivery = *consumer.find(handle);
        arguments.insert(arguments.end(), {delivery.id, delivery.rc});
    }
    std::string count;
    outputs.append_to(arguments, count);
    const Words keys{in.set_key, in.hash_key, out.set_key, out.hash_key, commit_key_};
    const Reply reply = connection_.run(commit_, keys, arguments);
    if (reply->elements == 0) {
        maxsize_ = ensure_queue(connection_);
        throw Error(ErrorCode::retry, "queue " + out.queue + " was deleted, and is made again");
    }
    const bool done = reply->element[0]->integer == 1;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& one = element(t.settlements, t.settlement_size, i);
        if (done) {
            one.result = VOLLEY_OK;
            consumer.finish(one.handle);
        } else if (reply->element[i + 1]->integer == 0) {
            one.result = VOLLEY_E_LOST;
        }
    }
    if (!done) return VOLLEY_E_LOST;
    tell_listeners(wake_name_);
    return VOLLEY_OK;
}

}  // namespace volley::rsmq
