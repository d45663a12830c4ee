// The readiness and the metrics that a consumer reports to the engine.
#pragma once

#include <string>

#include "owned_partitions.hpp"
#include "properties.hpp"
#include "statistics.hpp"

namespace volley::kafka {

// Thread: one at a time.
class ConsumerStatus {
public:
    // The context must outlive it.
    ConsumerStatus(const Context& context, const Properties& properties);

    // `is_subscribed`: the consumer needs a broker. `cause`: librdkafka's last error.
    void publish(const Statistics& statistics, OwnedPartitions& partitions, bool is_subscribed,
                 const std::string& cause);

    bool is_connected() const { return health_.is_connected(); }
    // See Health.
    void set_missing(const std::string& what) { health_.set_missing(what); }
    bool is_missing() const { return health_.is_missing(); }

    void count_rebalance();
    void count_truncation();
    void count_log_restart();

private:
    Health health_;
    Metrics metrics_;
};

}  // namespace volley::kafka
