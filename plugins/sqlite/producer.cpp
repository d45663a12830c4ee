#include "producer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "atomic.hpp"
#include "consumer.hpp"
#include "inspect.hpp"

namespace volley::sqlite {

SqliteProducer::SqliteProducer(const Context& context, volley_report_fn report, void* report_context)
    : context_(context),
      config_(read_config(context)),
      queue_(context.value()),
      report_(report),
      report_context_(report_context) {
    const volley_host* host = context_.host();
    repeats_ = host->metric(
        host, VOLLEY_COUNTER, "sqlite_repeats_dropped_total",
        "Messages not stored because the same one was there already: same id, same content", nullptr, 0);
    conflicts_ = host->metric(host, VOLLEY_COUNTER, "sqlite_id_conflicts_total",
                              "Messages stored under another id because theirs was that of another message",
                              nullptr, 0);
}

SqliteProducer::Open::Open(const SqliteConfig& config, Connection::Opens opens)
    : connection(config, opens),
      inserter(connection),
      acknowledge(connection, SqliteConsumer::acknowledge_sql) {}

void SqliteProducer::open() { open_ = std::make_unique<Open>(config_, Connection::Opens::first); }

// Switches to the database that is at the path now, if it is another.
void SqliteProducer::follow_file() {
    if (!connection().is_replaced()) return;
    open_ = std::make_unique<Open>(config_, Connection::Opens::again);
    context_.error(config_.path +
                   ": the file was replaced while it was in use; the new one is written to now");
}

Connection& SqliteProducer::connection() const {
    if (open_ == nullptr) throw Error(ErrorCode::fatal, config_.path + ": the producer is not open");
    return open_->connection;
}

void SqliteProducer::report_done(const volley_record* records, std::uint32_t count,
                                 std::uint32_t stride) const {
    std::array<volley_report, 64> reports;
    for (std::uint32_t done = 0; done < count;) {
        const std::uint32_t n = std::min<std::uint32_t>(count - done, reports.size());
        for (std::uint32_t i = 0; i < n; ++i) {
            reports[i] = volley_report{};
            reports[i].token = element(records, stride, done + i).token;
            const Outcome& outcome = outcomes_[done + i];
            reports[i].status = outcome.status;
            reports[i].text = view_of(outcome.text);
            reports[i].partition = -1;
            reports[i].offset = -1;
        }
        report_(report_context_, reports.data(), n, sizeof(volley_report));
        done += n;
    }
}

std::int32_t SqliteProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                     std::uint32_t& accepted) {
    if (count == 0) return VOLLEY_OK;
    follow_file();
    outcomes_.assign(count, {});
    Transaction transaction(connection(), Durability::on_disk);
    const std::int64_t now = now_ms();
    for (std::uint32_t i = 0; i < count; ++i) outcomes_[i] = insert(element(records, stride, i), now);
    transaction.commit();
    if (!open_->connection.is_at_path())
        throw Error(ErrorCode::retry,
                    config_.path + ": the file was moved away or replaced while it was written to");
    open_->connection.store().announce();
    accepted = count;
    report_done(records, count, stride);
    return VOLLEY_OK;
}

SqliteProducer::Outcome SqliteProducer::insert(const volley_record& record, std::int64_t now) {
    const volley_host* host = context_.host();
    switch (open_->inserter.insert(record, queue_, now, Repeats::dropped)) {
        case Inserted::stored:
            break;
        case Inserted::repeat:
            host->metric_add(repeats_, 1);
            break;
        case Inserted::conflict:
            host->metric_add(conflicts_, 1);
            if (!std::exchange(conflict_told_, true))
                context_.warning(config_.path +
                                 ": the id of a message is that of another one in the queue, with another "
                                 "content; both are kept. Told once, counted in sqlite_id_conflicts_total");
            break;
        case Inserted::too_large:
            return {VOLLEY_E_TOO_LARGE, "the record is over SQLite's limit for a row; make it smaller"};
        case Inserted::refused:
            return {VOLLEY_E_PERMANENT, open_->inserter.refusal()};
    }
    return {};
}

void SqliteProducer::close(std::uint32_t) { open_.reset(); }

bool SqliteProducer::joins(const SqliteConsumer& consumer) const {
    return &connection().store() == &consumer.connection().store();
}

// Without the record ids: the transaction is all or nothing, so no repeat can occur here, and an index write
// is saved.
std::int32_t SqliteProducer::commit(SqliteConsumer& consumer, volley_transaction& t) {
    follow_file();
    consumer.follow_file();
    if (!joins(consumer))
        throw Error(ErrorCode::fatal,
                    config_.path +
                        ": input and output were one file when they were opened, and are two now; "
                        "the engine has to start again");
    Transaction transaction(connection(), Durability::on_disk);
    bool lost = false;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& s = element(t.settlements, t.settlement_size, i);
        const SqliteConsumer::Delivery* delivery = consumer.find(s.handle);
        s.result = VOLLEY_E_RETRY;
        if (delivery != nullptr) {
            open_->acknowledge.bind(1, delivery->id).bind(2, delivery->token).run();
            if (open_->connection.changes() == 1) continue;
        }
        s.result = VOLLEY_E_LOST;
        lost = true;
    }
    if (lost) return VOLLEY_E_LOST;
    const std::int64_t now = now_ms();
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const volley_record& record = element(t.records, t.record_size, i);
        switch (open_->inserter.insert(record, queue_, now, Repeats::impossible)) {
            case Inserted::too_large:
                throw Error(ErrorCode::too_large,
                            config_.path + ": a record is over SQLite's limit for a row");
            case Inserted::refused:
                throw Error(ErrorCode::permanent, open_->inserter.refusal());
            default:
                break;
        }
    }
    transaction.commit();
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& s = element(t.settlements, t.settlement_size, i);
        s.result = VOLLEY_OK;
        consumer.finish(s.handle);
    }
    open_->connection.store().announce();
    return VOLLEY_OK;
}

const void* SqliteProducer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_INSPECT) return inspect_producer();
    return id == VOLLEY_EXT_ATOMIC ? atomic_table() : nullptr;
}

}  // namespace volley::sqlite
