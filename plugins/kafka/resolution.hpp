// Resolution records. A dead letter that was retried or deleted cannot be removed from a log. A record
// appended to the same partition marks it as settled instead, and peek hides both. README.md has the format.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "volley/abi.hpp"

namespace volley::kafka {

// Identifies a record. Its text form, "topic/partition/offset", is the ID that peek shows.
struct RecordId {
    std::string topic;
    std::int32_t partition = -1;
    std::int64_t offset = -1;
};
std::string to_text(const RecordId& id);
std::optional<RecordId> parse_record_id(std::string_view text);

// Settles the offsets from `first` to `last`, inclusive, of a partition.
struct Resolution {
    RecordId first;
    std::int64_t last = -1;
};

// The name of a resolution record's only header. Its value, which is also the record's key, is the text form
// of the resolution.
inline constexpr std::string_view resolution_header = "volley-resolves";
std::string to_text(const Resolution& resolution);
std::optional<Resolution> parse_resolution(std::string_view text);

// True for a resolution record. A dead letter always has more headers than its message, so no sender can make
// it look like a resolution.
bool is_resolution(const volley_message& message);

// A set of offsets, stored as intervals.
class Offsets {
public:
    void add(std::int64_t first, std::int64_t last);
    bool has(std::int64_t offset) const;

private:
    std::map<std::int64_t, std::int64_t> intervals_;  // first to last; neither overlapping nor adjacent
};

}  // namespace volley::kafka
