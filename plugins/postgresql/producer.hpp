// PostgresqlProducer: one transaction per produce call, reported before the call returns; and the atomic
// commit. Thread: the owner's.
#pragma once

#include <string>
#include <vector>

#include "config.hpp"
#include "insert.hpp"
#include "inspect.hpp"
#include "store.hpp"
#include "writing.hpp"

namespace volley::postgresql {

class PostgresqlConsumer;

class PostgresqlProducer {
public:
    PostgresqlProducer(const Context& context, volley_report_fn report, void* report_context);

    void open();
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // volley.atomic/1.
    bool joins(const PostgresqlConsumer& consumer) const;
    std::int32_t commit(PostgresqlConsumer& consumer, volley_transaction& transaction);

    // Returns an open connection; reconnects if it was lost. Throws Error.
    Session& session();
    const QueueTable& table() const { return store_.table; }
    Inspection& inspection() { return inspection_; }

private:
    struct Outcome {
        std::int32_t status = VOLLEY_OK;
        std::string text;
    };
    // Consecutive records of a produce call.
    struct Records {
        const volley_record* first;
        std::uint32_t stride, begin, end;
        const volley_record& at(std::uint32_t i) const { return element(first, stride, i); }
    };

    void store(const Records& records);
    void resolve_repeat(const volley_record& record, Outcome& outcome);
    bool insert(const volley_record& record, volley_view id);
    bool store_beside(const volley_record& record);
    void report_done(const Records& records) const;
    std::string writer(std::string_view queue) const;
    Writing writing_to(volley_view queue) const;
    // The id of a record in the table; absent if the table stores none.
    volley_view id_of(const volley_record& record) const;

    Context context_;
    PostgresqlConfig config_;
    std::string table_;  // its name, quoted
    Session session_;
    Store store_;
    Priority priority_;
    volley_report_fn report_;
    void* report_context_;
    std::vector<Outcome> outcomes_;  // of the records of one produce call
    volley_metric* repeats_;
    volley_metric* conflicts_;
    bool conflict_told_ = false;
    Inspection inspection_;
};

}  // namespace volley::postgresql
