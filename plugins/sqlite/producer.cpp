#include "producer.hpp"

#include <algorithm>
#include <array>

#include "atomic.hpp"
#include "consumer.hpp"
#include "inspect.hpp"

namespace volley::sqlite {

SqliteProducer::SqliteProducer(const Context& context, volley_report_fn report, void* report_context)
    : config_(read_config(context)),
      queue_(context.value()),
      report_(report),
      report_context_(report_context) {}

void SqliteProducer::open() {
    connection_ = std::make_unique<Connection>(config_);
    inserter_.emplace(*connection_);
    acknowledge_.emplace(*connection_, SqliteConsumer::acknowledge_sql);
}

Connection& SqliteProducer::connection() const {
    if (connection_ == nullptr) throw Error(ErrorCode::fatal, config_.path + ": the producer is not open");
    return *connection_;
}

void SqliteProducer::report_done(const volley_record* records, std::uint32_t count,
                                 std::uint32_t stride) const {
    std::array<volley_report, 64> reports;
    for (std::uint32_t done = 0; done < count;) {
        const std::uint32_t n = std::min<std::uint32_t>(count - done, reports.size());
        for (std::uint32_t i = 0; i < n; ++i) {
            reports[i] = volley_report{};
            reports[i].token = element(records, stride, done + i).token;
            reports[i].status = statuses_[done + i];
            reports[i].partition = -1;
            reports[i].offset = -1;
            if (reports[i].status != VOLLEY_OK)
                reports[i].text = view_of("the record is over SQLite's limit for a row; make it smaller");
        }
        report_(report_context_, reports.data(), n, sizeof(volley_report));
        done += n;
    }
}

std::int32_t SqliteProducer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                                     std::uint32_t& accepted) {
    if (count == 0) return VOLLEY_OK;
    statuses_.resize(count);
    Transaction transaction(connection(), Durability::on_disk);
    const std::int64_t now = now_ms();
    for (std::uint32_t i = 0; i < count; ++i)
        statuses_[i] = inserter_->insert(element(records, stride, i), queue_, now, Repeats::dropped);
    transaction.commit();
    connection_->store().announce();
    accepted = count;
    report_done(records, count, stride);
    return VOLLEY_OK;
}

void SqliteProducer::close(std::uint32_t) {
    acknowledge_.reset();
    inserter_.reset();
    connection_.reset();
}

bool SqliteProducer::joins(const SqliteConsumer& consumer) const {
    return &connection().store() == &consumer.connection().store();
}

// Without the record ids: either all of it happens or nothing, so no repeat can arise here, and an index is
// spared.
std::int32_t SqliteProducer::commit(SqliteConsumer& consumer, volley_transaction& t) {
    Transaction transaction(connection(), Durability::on_disk);
    bool lost = false;
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& s = element(t.settlements, t.settlement_size, i);
        const SqliteConsumer::Delivery* delivery = consumer.find(s.handle);
        s.result = VOLLEY_E_RETRY;
        if (delivery != nullptr) {
            acknowledge_->bind(1, delivery->id).bind(2, delivery->token).run();
            if (connection_->changes() == 1) continue;
        }
        s.result = VOLLEY_E_LOST;
        lost = true;
    }
    if (lost) return VOLLEY_E_LOST;
    const std::int64_t now = now_ms();
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const volley_record& record = element(t.records, t.record_size, i);
        if (inserter_->insert(record, queue_, now, Repeats::impossible) != VOLLEY_OK)
            throw Error(ErrorCode::too_large, config_.path + ": a record is over SQLite's limit for a row");
    }
    transaction.commit();
    for (std::uint32_t i = 0; i < t.settlement_count; ++i) {
        volley_settlement& s = element(t.settlements, t.settlement_size, i);
        s.result = VOLLEY_OK;
        consumer.finish(s.handle);
    }
    connection_->store().announce();
    return VOLLEY_OK;
}

const void* SqliteProducer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_INSPECT) return inspect_producer();
    return id == VOLLEY_EXT_ATOMIC ? atomic_table() : nullptr;
}

}  // namespace volley::sqlite
