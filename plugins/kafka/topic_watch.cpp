#include "topic_watch.hpp"

#include <string>

#include "clock.hpp"
#include "topics.hpp"

namespace volley::kafka {

void TopicWatch::look(int timeout_ms) {
    status_.set_missing(
        missing_topics(instance_.rk(), instance_.context().value(), timeout_ms).value_or(std::string()));
}

TopicWatch::Found TopicWatch::check(std::int64_t now_ms) {
    constexpr std::int64_t every_ms = 2000;
    if (!is_uncertain_ && !status_.is_missing()) return Found::nothing_new;
    if (now_ms < next_ms_ || pause_.is_active(now_ms)) return Found::nothing_new;
    next_ms_ = now_ms + every_ms;
    const std::int64_t began = kafka::now_ms();
    const auto missing = missing_topics(instance_.rk(), instance_.context().value(), QueryPause::timeout_ms);
    if (!missing) {
        pause_.note_failure(began, kafka::now_ms());
        return Found::nothing_new;
    }
    const bool was_missing = status_.is_missing();
    status_.set_missing(*missing);
    is_uncertain_ = false;
    if (!missing->empty()) return Found::nothing_new;
    is_uncertain_ = !refresh();
    return was_missing ? Found::all_again : Found::all;
}

// librdkafka looks up a missing topic every few minutes, and immediately on a request for the metadata of all
// topics.
bool TopicWatch::refresh() {
    const rd_kafka_metadata_t* all = nullptr;
    if (rd_kafka_metadata(instance_.rk(), 1, nullptr, &all, QueryPause::timeout_ms) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(all);
    return true;
}

}  // namespace volley::kafka
