// SqliteProducer: one transaction per produce call, reported before the call returns; and the atomic commit.
// Thread: the owner's.
#pragma once

#include <memory>
#include <string>
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
    struct Outcome {
        std::int32_t status = VOLLEY_OK;
        std::string text;
    };

    // A connection with its statements.
    struct Open {
        Open(const SqliteConfig& config, Connection::Opens opens);
        Connection connection;
        Inserter inserter;
        Statement acknowledge;
    };

    void follow_file();
    Outcome insert(const volley_record& record, std::int64_t now);
    void report_done(const volley_record* records, std::uint32_t count, std::uint32_t stride) const;

    Context context_;
    SqliteConfig config_;
    std::string queue_;
    volley_report_fn report_;
    void* report_context_;
    std::unique_ptr<Open> open_;
    std::vector<Outcome> outcomes_;  // of the records of one produce call
    volley_metric* repeats_;
    volley_metric* conflicts_;
    bool conflict_told_ = false;
    Page shown_;  // the messages that peek and find lend
};

}  // namespace volley::sqlite
