// PostgresqlProducer: outputs and acks in one transaction, on the consumer's connection.
#include <map>
#include <set>

#include "consumer.hpp"
#include "producer.hpp"
#include "settlement.hpp"

namespace volley::postgresql {

namespace {

constexpr const char* not_all_were_ours = "22012";  // acknowledge_all_command

// Marks deliveries that no longer belong to this consumer with VOLLEY_E_LOST. Returns VOLLEY_OK if an earlier
// commit whose answer was lost acked all of them: the rows are gone, so the outputs are stored.
std::int32_t find_lost(PostgresqlConsumer& consumer, const volley_transaction& t, const ClaimedRows& rows) {
    const auto results = consumer.session().run(
        {still_claimed_command(consumer.table(), rows), still_there_command(consumer.table(), rows)},
        Effect::none, "asking for what was acked");
    const std::set<std::string> ours = ids_of(results[0].get()), there = ids_of(results[1].get());
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
                    consumer.table().name + ": a trigger of the database keeps a message from being deleted");
    return VOLLEY_E_LOST;
}

}  // namespace

bool PostgresqlProducer::joins(const PostgresqlConsumer& consumer) const {
    return store_.table_id != 0 && store_.is_same_database(consumer.store()) &&
           config_.schema == consumer.schema();
}

Writing PostgresqlProducer::writing_to(volley_view queue) const {
    if (is_absent(queue) || text_of(queue) == context_.value()) return {store_.table, priority_};
    if (auto writing = writing_of(writer(text_of(queue)))) return *std::move(writing);
    return {own_table(table_name(config_.schema, text_of(queue))), {}};
}

// Without the records' ids: the transaction is all or nothing, so no repeat can occur here, and an index
// write is saved.
std::int32_t PostgresqlProducer::commit(PostgresqlConsumer& consumer, volley_transaction& t) {
    Session& session = consumer.session();
    if (!joins(consumer))
        throw Error(
            ErrorCode::fatal,
            session.where() +
                ": input and output were in one database when they were opened, and are not any more; the "
                "engine has to start again");
    ClaimedRows acks(consumer.table());
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

    struct Output {
        Writing writing;
        NewRows rows;
    };
    std::map<std::string_view, std::size_t> places;  // in outputs, by queue
    std::vector<Output> outputs;                     // each in the records' order
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const volley_record& record = element(t.records, t.record_size, i);
        if (size_of(record) > largest_record)
            throw Error(ErrorCode::too_large,
                        "a record is over 256 MiB, the most that is sent to PostgreSQL");
        const auto [place, is_new] = places.try_emplace(text_of(record.queue), outputs.size());
        if (is_new) outputs.push_back({writing_to(record.queue), {}});
        Output& output = outputs[place->second];
        output.rows.add(record, {}, output.writing.priority.of(record));
    }
    std::vector<Command> commands{{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {}},
                                  acknowledge_all_command(consumer.table(), acks)};
    for (const Output& output : outputs) {
        output.rows.check(output.writing.table);
        commands.push_back(output.rows.insert_command(output.writing.table));
    }
    commands.push_back({"COMMIT", {}});
    for (const Output& output : outputs)
        if (output.rows.is_news()) commands.push_back(notify_command(output.writing.table.name));

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
