// The statements with which a consumer takes messages, and extends what it has. Each claim has a token, which
// every settlement must show. Thread: one at a time.
#pragma once

#include <random>
#include <string>

#include "config.hpp"
#include "session.hpp"
#include "store.hpp"

namespace volley::postgresql {

// What a queue without a message to take is waiting for.
struct Outlook {
    std::int64_t next_due_ms = -1;  // until a delay or a lease ends; -1: none
    bool blocked = false;           // messages wait, and other consumers have earlier ones of their keys
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
    // Claims the first messages that may be taken, up to `count`, and up to the one that reaches `max_bytes`
    // (0: no limit). One round trip.
    Taken take(Session& session, std::uint32_t table_id, std::uint32_t count, std::uint64_t max_bytes);
    // Gives back what a take claimed that did not hear the answer.
    void give_back_unheard(Session& session);
    Outlook look(Session& session) const;

private:
    Command settings(Session& session, std::uint32_t table_id) const;

    std::string promote_, claim_, fetch_, give_back_, look_;
    bool ordered_;
    std::uint32_t lease_ms_;
    std::mt19937_64 random_;
    std::int64_t owner_;        // 31 random bits; the first half of each token
    std::uint32_t claims_;      // counts from anywhere; the second half of the next token
    std::int64_t unheard_ = 0;  // the token of a take without an answer
};

}  // namespace volley::postgresql
