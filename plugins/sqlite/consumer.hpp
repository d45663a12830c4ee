// SqliteConsumer: claims the first messages of its queue for a limited time (the lease), with a token that
// every settlement must present: it is void once another consumer has claimed the message. Thread: the
// owner's; interrupt: any.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <vector>

#include "config.hpp"
#include "connection.hpp"
#include "page.hpp"

namespace volley::sqlite {

class SqliteConsumer {
public:
    // A message that this consumer has claimed.
    struct Delivery {
        std::int64_t id = 0;
        std::int64_t token = 0;
        Page* page = nullptr;  // null: the slot is free
        std::uint32_t generation = 0;
    };
    static constexpr const char* acknowledge_sql = "DELETE FROM volley_messages WHERE id = ?1 AND token = ?2";

    explicit SqliteConsumer(Context context);
    ~SqliteConsumer();
    SqliteConsumer(const SqliteConsumer&) = delete;
    SqliteConsumer& operator=(const SqliteConsumer&) = delete;

    void open();
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms);
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride);
    void interrupt();
    void close(std::uint32_t timeout_ms);
    const void* extension(std::string_view id);

    // volley.lease/1.
    void extend(const std::uint64_t* handles, std::int32_t* results, std::uint32_t count,
                std::uint32_t lease_ms);

    // Switches to the database that is at the path now, if it is another. Open deliveries of the old one are
    // lost: no claim of the new one has their token. Throws as Connection::is_replaced.
    void follow_file();

    // Returns the open delivery of that handle, or null.
    const Delivery* find(std::uint64_t handle) const;
    // Closes the delivery; its views end. Requires: find(handle).
    void finish(std::uint64_t handle);

    // Throws if it is not open.
    Connection& connection() const;
    const std::string& queue() const { return queue_; }
    Page& shown() { return shown_; }

private:
    struct Statements;
    using Clock = std::chrono::steady_clock;

    void use(std::unique_ptr<Connection> connection);
    void reclaim();
    bool is_work(std::int64_t& next_due);
    void claim(volley_batch& batch);
    std::uint64_t open_delivery(const Page::Row& row, std::int64_t token, Page& page);
    Page& empty_page();
    bool take_interrupt();
    void wait(Clock::time_point until);
    void apply(volley_settlement& settlement, std::int64_t now);
    void release_all();

    Context context_;
    SqliteConfig config_;
    std::string queue_;
    std::string owner_;             // this process's name in claims
    std::shared_ptr<Store> store_;  // also read by interrupt, while the owner may be closing
    std::mutex store_mutex_;        // guards the pointer store_
    std::unique_ptr<Connection> connection_;
    std::unique_ptr<Statements> statements_;
    std::mt19937_64 random_;
    std::vector<Delivery> deliveries_;
    std::vector<std::uint32_t> free_;
    std::vector<std::unique_ptr<Page>> pages_;
    std::atomic<bool> interrupted_{false};  // set under the store's mutex
    bool has_odd_ = false;                  // rows whose visible_at is not a time
    std::uint64_t seen_version_ = 0;
    std::chrono::milliseconds pause_{1};  // until the next poll for messages of other processes
    Page shown_;                          // the messages that peek and find lend
};

}  // namespace volley::sqlite
