// Detects whether a partition's log was replaced: its topic was recreated under the same name, or an unclean
// leader election truncated it. No I/O.
#pragma once

#include <algorithm>
#include <cstdint>

namespace volley::kafka {

// Outcomes of a query that are not an offset.
inline constexpr std::int64_t no_offset = -1;       // there is no such record
inline constexpr std::int64_t unknown_offset = -2;  // the query has no answer for the partition

// Within one log, the offset of the first record that is not older than `time_ms` never falls below `first`:
// records are only appended at the end and deleted at the start. In a log that replaced it, the offset does
// fall below.
struct LogMark {
    std::int64_t time_ms = -1;  // Unix; negative: no mark yet
    std::int64_t first = -1;
    std::int64_t position = -1;  // the next offset to read when the mark was set
    bool is_checked = false;     // the last query had an answer for it

    bool is_set() const { return time_ms >= 0; }

    // `offset`: of the first record that is not older than `time_ms` now, or no_offset, or unknown_offset.
    bool is_of_another_log(std::int64_t offset) const { return offset >= 0 && offset < first; }
    // The mark was compared with that offset, and belongs to this log.
    void confirm(std::int64_t offset) {
        is_checked = offset >= no_offset;
        first = std::max(first, offset);
    }

    // True if a mark at `next` would detect more. A mark must be checked before it is replaced.
    bool may_move(std::int64_t next) const {
        return next >= 0 && (!is_set() || (is_checked && position != next));
    }
    // The time for a mark at the end of the read messages, which also detects a truncation. It is the time of
    // the messages, unless that is in the future, so that clock skew does not matter. `newest_ms`: the latest
    // timestamp of a message; not positive: none.
    static std::int64_t time_after(std::int64_t newest_ms, std::int64_t unix_now_ms) {
        return newest_ms > 0 ? std::min(newest_ms + 1, unix_now_ms) : unix_now_ms;
    }
    // Without such a record, later records are appended after all existing ones.
    void set(std::int64_t time, std::int64_t offset, std::int64_t next) {
        *this = {time, offset >= 0 ? offset : next, next, true};
    }
};

// When marks are checked. Times: monotonic, ms.
class MarkSchedule {
public:
    static constexpr std::int64_t every_ms = 5000;
    static constexpr std::int64_t soon_ms = 1000;
    static constexpr std::int64_t after_failure_ms = 10'000;

    bool is_due(std::int64_t now_ms) const { return now_ms >= next_ms_; }
    // The caller checks the marks now. `some_unmarked`: some partition has no mark yet.
    void begin(std::int64_t now_ms, bool some_unmarked) {
        checked_ms_ = now_ms;
        next_ms_ = now_ms + (some_unmarked ? soon_ms : every_ms);
    }
    void fail(std::int64_t now_ms) { next_ms_ = now_ms + after_failure_ms; }
    void make_due() { next_ms_ = 0; }
    // A partition was read to its end: schedules a mark soon, the first one immediately, because nothing else
    // may arrive for a long time.
    void note_end(const LogMark& mark, std::int64_t position, std::int64_t now_ms) {
        if (mark.position == position) return;
        next_ms_ = std::min(next_ms_, mark.is_set() ? checked_ms_ + soon_ms : now_ms);
    }

private:
    std::int64_t checked_ms_ = 0;
    std::int64_t next_ms_ = 0;
};

}  // namespace volley::kafka
