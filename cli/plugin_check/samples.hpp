// Messages to store. Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "plugin_check/message.hpp"

namespace volley::cli::plugin_check {

// "{"n":17}", for stores whose convention is JSON, too.
Content plain(std::size_t number);
std::vector<Content> plain_messages(std::size_t count, std::size_t first = 0);
// The number of a plain message; nothing if it is none.
std::optional<std::size_t> number_of(const Content& content);

struct Sample {
    std::string what;  // "a body of all bytes"
    Content content;
};

// Messages of every form that a producer with these flags stores.
std::vector<Sample> odd_messages(std::uint64_t flags);

}  // namespace volley::cli::plugin_check
