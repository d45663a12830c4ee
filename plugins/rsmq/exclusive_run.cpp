#include "exclusive_run.hpp"

#include <algorithm>

#include "message_id.hpp"
#include "receive_reply.hpp"

namespace volley::rsmq {

void ExclusiveRun::track(const Settings& settings) {
    if (is_tracked_) return;
    is_tracked_ = true;
    key_ = settings.ns + "volley:run:" + make_unique_name();
}

const std::string& ExclusiveRun::next_name(std::uint64_t connection) {
    if (is_tracked_) next_name_ = std::to_string(connection) + "/" + std::to_string(++names_);
    return next_name_;
}

void ExclusiveRun::note_receive(std::string_view name) {
    is_continued_ = !name.empty() && name == name_;
    name_ = name;
}

ExclusiveRun::Cover ExclusiveRun::cover(const std::vector<std::uint64_t>& handles,
                                        Deliveries& deliveries) const {
    if (!is_continued_) return {};
    Cover cover{name_};
    for (const std::uint64_t handle : handles) {
        const redisReply& reply = *deliveries.batch(deliveries.find(handle)->batch).reply;
        if (run_name(reply) != name_) return {};
        cover.total_received = std::max(cover.total_received, total_received(reply));
    }
    return cover;
}

}  // namespace volley::rsmq
