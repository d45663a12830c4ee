// Resolution records. A log forgets nothing, so a dead letter that was retried or deleted is not removed: a
// record behind it in its partition says that it is settled, and peek hides both. README.md has the format.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "volley/abi.hpp"

namespace volley::kafka {

// Where a record stands; as text "topic/partition/offset", which is the id that peek shows.
struct Place {
    std::string topic;
    std::int32_t partition = -1;
    std::int64_t offset = -1;
};
std::string to_text(const Place& place);
std::optional<Place> read_place(std::string_view text);

// Settles the offsets `place.offset` to `last` of its partition.
struct Resolution {
    Place place;
    std::int64_t last = -1;
};

// The name of a resolution record's only header. Its value, which is the record's key too, says what it
// settles.
inline constexpr std::string_view resolution_header = "volley-resolves";
std::string to_text(const Resolution& resolution);
std::optional<Resolution> read_resolution(std::string_view text);

// Tells a resolution record from a message. A dead letter keeps the headers of its message and always has
// more of its own: nothing that a sender writes makes one of it.
bool is_resolution(const volley_message& message);

// Offsets, as few intervals as they need.
class Offsets {
public:
    void add(std::int64_t first, std::int64_t last);
    bool has(std::int64_t offset) const;

private:
    std::map<std::int64_t, std::int64_t> intervals_;  // first to last; they neither overlap nor touch
};

}  // namespace volley::kafka
