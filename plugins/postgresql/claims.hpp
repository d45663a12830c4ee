// The statements with which a consumer claims messages and extends their leases. Each claim has a token,
// which every settlement must present. Thread: one at a time.
#pragma once

#include <random>
#include <string>

#include "config.hpp"
#include "session.hpp"
#include "store.hpp"

namespace volley::postgresql {

// What a queue without an available message is waiting for.
struct Outlook {
    std::int64_t next_due_ms = -1;  // until a delay or a lease ends; -1: none
    bool blocked = false;           // messages wait, but other consumers hold earlier ones of their keys
};

class Claims {
public:
    explicit Claims(const PostgresqlConfig& config);

    // What the rest works on.
    void set_table(const QueueTable& table);

    struct Taken {
        std::int64_t token;
        Rows rows;  // the columns of Page
    };
    // Claims the first available messages, up to `count`, and up to the one that reaches `max_bytes` (0: no
    // limit). One round trip.
    Taken take(Session& session, std::uint32_t table_id, std::uint32_t count, std::uint64_t max_bytes);
    // Releases the messages of a claim whose answer was lost.
    void give_back_unheard(Session& session);
    Outlook look(Session& session) const;

private:
    Command settings(Session& session, std::uint32_t table_id) const;

    std::string promote_, claim_, fetch_, give_back_, look_;
    bool ordered_;
    std::uint32_t lease_ms_;
    std::mt19937_64 random_;
    std::int64_t owner_;        // 31 random bits; the first half of each token
    std::uint32_t claims_;      // starts at any number; the second half of the next token
    std::int64_t unheard_ = 0;  // the token of a claim without an answer
};

}  // namespace volley::postgresql
