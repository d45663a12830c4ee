// Messages from a template: {{n}} is the number of the message, {{uuid}} a new random UUID, {{now}} the time
// in UTC. Other text stays as it is. Thread: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace volley::cli {

class MessageTemplate {
public:
    // Begins the next message: all texts of one have the same values.
    void next();
    // Returns what is wrong, or nothing.
    std::optional<std::string> fill(std::string_view text, std::string& out) const;

private:
    std::uint64_t number_ = 0;
    std::string uuid_;
    std::string now_;
};

}  // namespace volley::cli
