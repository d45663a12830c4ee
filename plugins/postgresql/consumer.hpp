// PostgresqlConsumer: claims the first messages of its queue for a limited time (the lease). Thread: the
// owner's; interrupt: any.
#pragma once

#include <chrono>
#include <string>

#include "claims.hpp"
#include "config.hpp"
#include "deliveries.hpp"
#include "inspect.hpp"
#include "listener.hpp"
#include "store.hpp"

namespace volley::postgresql {

class PostgresqlConsumer {
public:
    explicit PostgresqlConsumer(Context context);
    ~PostgresqlConsumer();
    PostgresqlConsumer(const PostgresqlConsumer&) = delete;
    PostgresqlConsumer& operator=(const PostgresqlConsumer&) = delete;

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt() { interrupt_.signal(); }
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // volley.lease/1.
    void extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                std::uint32_t lease_ms);

    // Returns an open connection; reconnects if it was lost. Throws Error.
    Session& session();
    const Store& store() const { return store_; }
    const std::string& identity() {
        identity_ = store_.name();
        return identity_;
    }
    const QueueTable& table() const { return store_.table; }
    const std::string& name() const { return context_.value(); }
    const std::string& schema() const { return config_.schema; }
    Deliveries& deliveries() { return deliveries_; }
    Inspection& inspection() { return inspection_; }

private:
    void claim(volley_batch& batch);
    void wait(Clock::time_point deadline);
    void release_all();

    Context context_;
    PostgresqlConfig config_;
    std::string table_;  // its name, quoted
    Session session_;
    Store store_;
    std::string identity_;  // lent by identity()
    Claims claims_;
    Deliveries deliveries_;
    Listener listener_;
    rsmq::EventFd interrupt_;
    std::chrono::milliseconds pause_{1};  // until the next poll if there is no notification
    Inspection inspection_;
};

}  // namespace volley::postgresql
