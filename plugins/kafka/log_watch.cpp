#include "log_watch.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "clock.hpp"
#include "topics.hpp"

namespace volley::kafka {

namespace {

std::int64_t unix_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

void LogWatch::check(std::int64_t now_ms) {
    if (restarts_.seek_if_due(now_ms)) schedule_.make_due();
    if (!schedule_.is_due(now_ms) || partitions_.is_empty() || !status_.is_connected() ||
        queries_.is_paused())
        return;
    schedule_.begin(now_ms,
                    std::any_of(partitions_.begin(), partitions_.end(),
                                [](const OwnedPartition& owned) { return !owned.history->mark.is_set(); }));
    if (check_marks(now_ms)) move_marks(now_ms);
}

void LogWatch::note_topics(TopicWatch::Found found) {
    if (found == TopicWatch::Found::nothing_new) return;
    if (found == TopicWatch::Found::all_again) queries_.end_pause();
    schedule_.make_due();
}

std::optional<std::vector<std::int64_t>> LogWatch::query(const std::vector<const OwnedPartition*>& partitions,
                                                         const std::vector<std::int64_t>& times,
                                                         std::int64_t now_ms) {
    if (queries_.is_paused()) return std::nullopt;
    auto first = queries_.first_offsets(partitions, times);
    if (first) return first;
    schedule_.fail(now_ms);
    topics_.suspect();  // a partition that does not exist anymore does not respond
    return std::nullopt;
}

// Returns false if the query failed.
bool LogWatch::check_marks(std::int64_t now_ms) {
    std::vector<OwnedPartition*> marked;
    std::vector<std::int64_t> times;
    for (OwnedPartition& owned : partitions_) {
        if (owned.is_restarting || !owned.history->mark.is_set()) continue;
        marked.push_back(&owned);
        times.push_back(owned.history->mark.time_ms);
    }
    const auto first = query({marked.begin(), marked.end()}, times, now_ms);
    if (!first) return false;
    for (std::size_t i = 0; i < marked.size(); ++i) {
        LogMark& mark = marked[i]->history->mark;
        if (mark.is_of_another_log((*first)[i]))
            restarts_.restart(*marked[i]);
        else
            mark.confirm((*first)[i]);
    }
    return true;
}

void LogWatch::move_marks(std::int64_t now_ms) {
    std::vector<const OwnedPartition*> moved;
    std::vector<std::int64_t> times;
    const std::int64_t unix_now = unix_ms();
    for (const OwnedPartition& owned : partitions_) {
        if (owned.is_restarting || !owned.history->mark.may_move(owned.read.position)) continue;
        moved.push_back(&owned);
        times.push_back(LogMark::time_after(owned.read.newest_ms, unix_now));
    }
    const auto first = query(moved, times, now_ms);
    if (!first) return;
    for (std::size_t i = 0; i < moved.size(); ++i) {
        if ((*first)[i] < no_offset) continue;
        LogMark& mark = moved[i]->history->mark;
        const std::int64_t position = moved[i]->read.position;
        if (!mark.is_set())
            instance_.context().debug("kafka: topic \"" + *moved[i]->topic + "\" partition " +
                                      std::to_string(moved[i]->partition) + " is marked at offset " +
                                      std::to_string(position));
        mark.set(times[i], (*first)[i], position);
    }
}

bool LogWatch::is_behind_new_log(OwnedPartition& owned, std::int64_t offset) {
    const std::optional<bool> another = is_new_log(owned);
    if (!another) return false;  // queried again for the next message
    owned.read.last_read = offset;
    if (*another) restarts_.restart(owned);
    return *another;
}

// Returns nothing if a query fails.
std::optional<bool> LogWatch::is_new_log(const OwnedPartition& owned) {
    const auto end = queries_.first_offset(owned, latest);
    if (!end) return std::nullopt;
    if (*end < owned.read.position) return true;
    const LogMark& mark = owned.history->mark;
    if (!mark.is_set()) return false;
    const auto first = query({&owned}, {mark.time_ms}, now_ms());
    if (!first || first->front() < no_offset) return std::nullopt;
    return mark.is_of_another_log(first->front());
}

// In a compacted or transactional topic missing offsets are normal. If the log starts after the position,
// retention has deleted messages that were not read, and auto.offset.reset made the consumer continue.
void LogWatch::check_gap(const OwnedPartition& owned, std::int64_t offset, std::int64_t now_ms) {
    constexpr std::int64_t between_checks_ms = 1000;
    if (now_ms - gap_checked_ms_ < between_checks_ms) return;
    gap_checked_ms_ = now_ms;
    const auto start = queries_.first_offset(owned, earliest);
    if (!start || *start <= owned.read.position) return;
    status_.count_truncation();
    instance_.context().error(
        "kafka: topic \"" + *owned.topic + "\" partition " + std::to_string(owned.partition) + ": offsets " +
        std::to_string(owned.read.position) + " to " + std::to_string(std::min(*start, offset) - 1) +
        " were deleted before they were read (retention); reading continues at " + std::to_string(offset));
}

}  // namespace volley::kafka
