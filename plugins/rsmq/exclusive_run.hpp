// Exclusive runs: series of receives of one consumer, of messages that were never received before, without a
// receive of another client in between (lua.hpp explains how Redis detects this). All receipts of such a run
// are valid, so a commit need not compare each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config.hpp"
#include "deliveries.hpp"

namespace volley::rsmq {

// The run of a consumer's last receive. Used by one thread.
class ExclusiveRun {
public:
    explicit ExclusiveRun(const Settings& settings) : key_(settings.set_key) {}

    // From now on receives make Redis track runs. Call it only for commits, because it needs a key.
    void track(const Settings& settings);
    // The key in which Redis stores the run. Until track() it is any key that the user may access.
    const std::string& key() const { return key_; }
    // A name for the run that begins if the next receive does not continue one; empty until track(). A run
    // does not continue on another connection, because a new connection may lead to another server, which may
    // lag behind. `connection`: Connection::times_connected.
    const std::string& next_name(std::uint64_t connection);
    // Records the run of a receive, in the order of the replies.
    void note_receive(std::string_view name);
    // Redis reported that the run is over.
    void end() { is_continued_ = false; }

    // A run that covers all receipts of a commit.
    struct Cover {
        std::string_view name;            // empty: there is none
        std::int64_t total_received = 0;  // the queue's totalrecv after the latest of those receives
    };
    // Returns the run in which all these deliveries were received, if it is likely to last. The name is valid
    // until the next note_receive. Requires: deliveries.find(handle) of each.
    Cover cover(const std::vector<std::uint64_t>& handles, Deliveries& deliveries) const;

private:
    std::string key_;
    bool is_tracked_ = false;
    std::string next_name_;
    std::uint64_t names_ = 0;
    std::string name_;           // of the last receive's run
    bool is_continued_ = false;  // the previous receive also belongs to it
};

}  // namespace volley::rsmq
