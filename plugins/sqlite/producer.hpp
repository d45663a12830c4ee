// SqliteProducer: one transaction a produce call, reported before it returns; and the atomic commit.
// Thread: the owner's.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "config.hpp"
#include "connection.hpp"
#include "insert.hpp"
#include "page.hpp"

namespace volley::sqlite {

class SqliteConsumer;

class SqliteProducer {
public:
    SqliteProducer(const Context& context, volley_report_fn report, void* report_context);

    void open();
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted);
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // volley.atomic/1.
    bool joins(const SqliteConsumer& consumer) const;
    std::int32_t commit(SqliteConsumer& consumer, volley_transaction& transaction);

    // Throws if it is not open.
    Connection& connection() const;
    const std::string& queue() const { return queue_; }
    Page& shown() { return shown_; }

private:
    void report_done(const volley_record* records, std::uint32_t count, std::uint32_t stride) const;

    SqliteConfig config_;
    std::string queue_;
    volley_report_fn report_;
    void* report_context_;
    std::unique_ptr<Connection> connection_;
    std::optional<Inserter> inserter_;
    std::optional<Statement> acknowledge_;
    std::vector<std::int32_t> statuses_;  // of the records of one produce call
    Page shown_;                          // what peek and find lend
};

}  // namespace volley::sqlite
