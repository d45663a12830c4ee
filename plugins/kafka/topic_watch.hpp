// Watches whether the input topics exist: the input is not ready while one does not.
#pragma once

#include <cstdint>

#include "consumer_instance.hpp"
#include "consumer_status.hpp"
#include "query_pause.hpp"

namespace volley::kafka {

// Thread: one at a time.
class TopicWatch {
public:
    enum class Found {
        nothing_new,
        all,       // they exist; one was in doubt
        all_again  // one did not exist, and all exist now
    };

    TopicWatch(const ConsumerInstance& instance, ConsumerStatus& status)
        : instance_(instance), status_(status) {}

    // Looks up the topics now. Blocks for up to `timeout_ms` for each.
    void look(int timeout_ms);
    // A topic may be missing: librdkafka reported one as unknown, or a query failed. check() finds out.
    void suspect() { is_uncertain_ = true; }
    // Looks up the topics if one is missing or in doubt, every two seconds. `now_ms`: monotonic.
    Found check(std::int64_t now_ms);

private:
    bool refresh();

    const ConsumerInstance& instance_;
    ConsumerStatus& status_;
    bool is_uncertain_ = false;
    std::int64_t next_ms_ = 0;
    QueryPause pause_;
};

}  // namespace volley::kafka
