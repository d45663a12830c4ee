#include "producer.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "atomic.hpp"
#include "inspect.hpp"
#include "migration.hpp"

namespace volley::postgresql {

namespace {

constexpr std::size_t bytes_of_a_transaction = 16u << 20;

// A handler that is not a function of its input can produce several contents under one id before any of them
// is received. Beyond this number, repeats are stored.
constexpr int most_contents = 100;

}  // namespace

PostgresqlProducer::PostgresqlProducer(const Context& context, volley_report_fn report, void* report_context)
    : context_(context),
      config_(read_config(context)),
      table_(table_of(config_, context.value())),
      session_(config_.server),
      priority_{config_.priority, config_.priority_header},
      report_(report),
      report_context_(report_context) {
    const volley_host* host = context_.host();
    repeats_ = host->metric(
        host, VOLLEY_COUNTER, "postgresql_repeats_dropped_total",
        "Messages not stored because the same one was there already: same id, same content", nullptr, 0);
    conflicts_ = host->metric(host, VOLLEY_COUNTER, "postgresql_id_conflicts_total",
                              "Messages stored under another id because theirs was that of another message",
                              nullptr, 0);
}

void PostgresqlProducer::open() {
    store_ = open_store(session_, config_, context_.value(), Use::produce);
    // Dead letters are never in a transaction with outputs, and may have a queue of the same name elsewhere.
    if (!context_.for_dead_letters()) set_writing(writer(context_.value()), {store_.table, priority_});
}

Session& PostgresqlProducer::session() {
    if (!session_.is_open()) open();
    return session_;
}

std::string PostgresqlProducer::writer(std::string_view queue) const {
    return context_.component() + '\n' + store_.reached + '\n' + config_.schema + '\n' + std::string(queue);
}

volley_view PostgresqlProducer::id_of(const volley_record& record) const {
    return store_.table.has_message_ids ? record.id : volley_view{};
}

void PostgresqlProducer::report_done(const Records& records) const {
    std::array<volley_report, 64> reports;
    for (std::uint32_t done = records.begin; done < records.end;) {
        const std::uint32_t n = std::min<std::uint32_t>(records.end - done, reports.size());
        for (std::uint32_t i = 0; i < n; ++i) {
            reports[i] = volley_report{};
            reports[i].token = records.at(done + i).token;
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

std::int32_t PostgresqlProducer::produce(const volley_record* first, std::uint32_t count,
                                         std::uint32_t stride, std::uint32_t& accepted) {
    outcomes_.assign(count, {});
    while (accepted < count) {
        Records records{first, stride, accepted, accepted};
        for (std::size_t bytes = 0; records.end < count; ++records.end) {
            bytes += size_of(records.at(records.end));
            if (records.end > records.begin && bytes > bytes_of_a_transaction) break;
        }
        if (records.end - records.begin == 1 && size_of(records.at(records.begin)) > largest_record)
            outcomes_[records.begin] = {VOLLEY_E_TOO_LARGE,
                                        "the record is over 256 MiB, the most that is sent to PostgreSQL"};
        else
            store(records);
        accepted = records.end;
        report_done(records);
    }
    return VOLLEY_OK;
}

// One transaction; if the database refuses a row, one transaction per row.
void PostgresqlProducer::store(const Records& records) {
    Session& session = this->session();
    NewRows rows;
    for (std::uint32_t i = records.begin; i < records.end; ++i)
        rows.add(records.at(i), id_of(records.at(i)), priority_.of(records.at(i)));
    std::vector<Command> commands{{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", {}},
                                  rows.insert_command(store_.table),
                                  {"COMMIT", {}}};
    if (rows.is_news()) commands.push_back(notify_command(table_));

    std::map<std::string, int, std::less<>> stored;  // how many rows, by id
    try {
        rows.check(store_.table);
        const auto results = session.run(commands, Effect::commits, "sending");
        for (int row = 0; row < PQntuples(results[1].get()); ++row)
            ++stored[std::string(text_of(bytes(results[1].get(), row, 0)))];
    } catch (const Error& error) {
        if (error.code != ErrorCode::permanent && !is_of_row(session.sqlstate())) throw;
        if (records.end - records.begin == 1) {
            outcomes_[records.begin] = {static_cast<std::int32_t>(error.code), error.text};
            return;
        }
        for (std::uint32_t i = records.begin; i < records.end; ++i)
            store({records.first, records.stride, i, i + 1});
        return;
    }
    for (std::uint32_t i = records.begin; i < records.end; ++i) {
        const auto found = stored.find(text_of(id_of(records.at(i))));
        if (found != stored.end() && found->second > 0)
            --found->second;
        else
            resolve_repeat(records.at(i), outcomes_[i]);
    }
}

// The row was not stored, because another row has its id or a trigger dropped it.
void PostgresqlProducer::resolve_repeat(const volley_record& record, Outcome& outcome) {
    const volley_host* host = context_.host();
    constexpr int tries = 3;  // the other row may be consumed meanwhile
    for (int i = 0; i < tries && id_of(record).size > 0; ++i) {
        switch (find_under(session(), store_.table, record, record.id)) {
            case Under::the_same:
                host->metric_add(repeats_, 1);
                return;
            case Under::another:
                if (!store_beside(record)) return;
                host->metric_add(conflicts_, 1);
                if (!std::exchange(conflict_told_, true))
                    context_.warning(
                        table_ +
                        ": the id of a message is that of another one in the queue, with another "
                        "content; both are kept. Told once, counted in postgresql_id_conflicts_total");
                return;
            case Under::nothing:
                if (insert(record, record.id)) return;
        }
    }
    outcome = {VOLLEY_E_PERMANENT, table_ + ": a trigger of the database dropped the row"};
}

// Returns whether a row was stored.
bool PostgresqlProducer::insert(const volley_record& record, volley_view id) {
    NewRows rows;
    rows.add(record, id, priority_.of(record));
    Session& session = this->session();
    const auto results = session.run({rows.insert_command(store_.table)}, Effect::commits, "sending");
    return PQntuples(results[0].get()) == 1;
}

// Under a separate id, so that its repeats are also recognised. Returns false if it is already stored.
bool PostgresqlProducer::store_beside(const volley_record& record) {
    std::string id;
    for (int n = 2; n <= most_contents; ++n) {
        id.assign(text_of(record.id)).append("~").append(std::to_string(n));
        if (insert(record, view_of(id))) return true;
        if (find_under(session(), store_.table, record, view_of(id)) == Under::the_same) {
            context_.host()->metric_add(repeats_, 1);
            return false;
        }
    }
    return insert(record, {});
}

void PostgresqlProducer::close(std::uint32_t) { session_.close(); }

const void* PostgresqlProducer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_INSPECT) return inspect_producer();
    return id == VOLLEY_EXT_ATOMIC ? atomic_table() : nullptr;
}

}  // namespace volley::postgresql
