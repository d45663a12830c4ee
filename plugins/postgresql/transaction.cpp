// PostgresqlProducer: outputs and acks in one transaction, on the consumer's connection.
#include <algorithm>
#include <set>

#include "consumer.hpp"
#include "producer.hpp"
#include "settlement.hpp"

namespace volley::postgresql {

namespace {

constexpr const char* not_all_were_ours = "22012";  // acknowledge_all_command

// Marks with VOLLEY_E_LOST what is not this consumer's any more. Returns VOLLEY_OK if all of it was acked by
// an earlier commit of which nobody heard: the rows are gone, and with them the outputs came.
std::int32_t find_lost(PostgresqlConsumer& consumer, const volley_transaction& t, const ClaimedRows& rows) {
    const auto results = consumer.session().run(
        {still_claimed_command(consumer.table(), rows), still_there_command(consumer.table(), rows)},
        Effect::none, "asking for what was acked");
    const std::set<std::int64_t> ours = ids_of(results[0].get()), there = ids_of(results[1].get());
    bool committed = true;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& s = element(t.settlements, t.settlement_size, i);
        const Delivery& d = *consumer.deliveries().find(s.handle);
        committed &= d.in_doubt && there.count(d.id) == 0;
        if (ours.count(d.id) == 0) s.result = VOLLEY_E_LOST;
    }
    if (committed) return VOLLEY_OK;
    if (ours.size() == static_cast<std::size_t>(rows.count))
        throw Error(ErrorCode::permanent,
                    consumer.table() + ": a trigger of the database keeps a message from being deleted");
    return VOLLEY_E_LOST;
}

}  // namespace

bool PostgresqlProducer::joins(const PostgresqlConsumer& consumer) const {
    return store_.table_id != 0 && store_.is_same_database(consumer.store()) &&
           config_.schema == consumer.schema();
}

// Without the records' ids: either all of it happens or nothing, so no repeat can arise here, and an index is
// spared.
std::int32_t PostgresqlProducer::commit(PostgresqlConsumer& consumer, volley_transaction& t) {
    Session& session = consumer.session();
    if (!joins(consumer))
        throw Error(
            ErrorCode::fatal,
            session.where() +
                ": input and output were in one database when they were opened, and are not any more; the "
                "engine has to start again");
    ClaimedRows acks;
    bool lost = false;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& s = element(t.settlements, t.settlement_size, i);
        const Delivery* d = consumer.deliveries().find(s.handle);
        s.result = d != nullptr ? VOLLEY_E_RETRY : VOLLEY_E_LOST;
        if (d != nullptr)
            acks.add(*d);
        else
            lost = true;
    }
    if (lost) return VOLLEY_E_LOST;

    std::vector<std::pair<std::string, NewRows>> outputs;  // by table; each in the records' order
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const volley_record& record = element(t.records, t.record_size, i);
        if (size_of(record) > largest_record)
            throw Error(ErrorCode::too_large,
                        "a record is over 256 MiB, the most that is sent to PostgreSQL");
        const std::string table =
            is_absent(record.queue) ? table_ : table_name(config_.schema, text_of(record.queue));
        auto found = std::find_if(outputs.begin(), outputs.end(),
                                  [&](const auto& output) { return output.first == table; });
        if (found == outputs.end()) found = outputs.emplace(outputs.end(), table, NewRows{});
        found->second.add(record, {}, priority_of(writer(table)).of(record));
    }
    std::vector<Command> commands{{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {}},
                                  acknowledge_all_command(consumer.table(), acks)};
    for (const auto& [table, rows] : outputs) commands.push_back(rows.insert_command(table));
    commands.push_back({"COMMIT", {}});
    for (const auto& [table, rows] : outputs)
        if (rows.is_news()) commands.push_back(notify_command(table));

    std::int32_t status = VOLLEY_OK;
    try {
        session.run(commands, Effect::commits, "committing");
    } catch (const Error& error) {
        if (error.code == ErrorCode::unknown)
            for (std::uint32_t i = 0; i < t.settlement_count; ++i)
                consumer.deliveries().find(element(t.settlements, t.settlement_size, i).handle)->in_doubt =
                    true;
        if (session.sqlstate() != not_all_were_ours) throw;
        status = find_lost(consumer, t, acks);
    }
    for (std::uint32_t i = 0; status == VOLLEY_OK && i < t.settlement_count; ++i) {
        volley_settlement& s = element(t.settlements, t.settlement_size, i);
        s.result = VOLLEY_OK;
        consumer.deliveries().finish(s.handle);
    }
    return status;
}

}  // namespace volley::postgresql
