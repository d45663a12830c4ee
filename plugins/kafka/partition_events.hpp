// Notifies the engine which partitions are assigned to it.
#pragma once

#include <cstdint>
#include <vector>

#include "volley/plugin.h"

namespace volley::kafka {

// Without a listener it does nothing. The listener may call settle and commit from inside.
class PartitionEvents {
public:
    // The listener must outlive it.
    void listen(const volley_partition_events* events) { events_ = events; }
    bool has_listener() const { return events_ != nullptr; }

    void assigned(const std::vector<volley_partition>& partitions) const {
        if (events_ == nullptr || partitions.empty()) return;
        events_->assigned(events_->context, partitions.data(), static_cast<std::uint32_t>(partitions.size()),
                          sizeof(volley_partition));
    }
    // `lost`: other members may have the partitions. Otherwise the engine drains and commits before this
    // returns.
    void revoked(const std::vector<volley_partition>& partitions, bool lost) const {
        if (events_ == nullptr || partitions.empty()) return;
        events_->revoked(events_->context, partitions.data(), static_cast<std::uint32_t>(partitions.size()),
                         sizeof(volley_partition), lost ? 1 : 0);
    }

private:
    const volley_partition_events* events_ = nullptr;
};

}  // namespace volley::kafka
