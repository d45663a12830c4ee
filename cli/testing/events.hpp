// What a component did with the messages of a test. Its stores and its handler write it down, from several
// threads; it is read when the engine has ended.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "codec/message_json.hpp"
#include "delivery/types.hpp"

namespace volley::cli::testing {

using delivery::Millis;

// Messages are numbered from 1, as they stand in the test.
using MessageNumber = std::uint32_t;

// A start of the handler for a message.
struct Attempt {
    MessageNumber message = 0;
    std::uint32_t number = 0;  // 1: the first
    Millis at{0};
    bool has_ended = false;
    std::int32_t status = 0;  // VOLLEY_OK, VOLLEY_DROP or an error
    std::string why;          // what the handler says
};

// A record that is stored.
struct Stored {
    std::string queue;  // the queue's name
    std::optional<std::string> body;
    std::optional<std::string> key;
    std::vector<codec::Header> headers;
    Millis delay{0};
    Millis at{0};
};

// The end of a delivery.
struct Settled {
    MessageNumber message = 0;
    std::int32_t outcome = 0;  // VOLLEY_ACK or VOLLEY_NACK
    std::uint32_t reason = 0;  // VOLLEY_REASON_…
    std::string why;
    Millis at{0};
};

struct Events {
    std::mutex mutex;
    std::vector<Attempt> attempts;
    std::vector<Stored> stored;
    std::vector<Settled> settled;
    // Of the whole run.
    bool is_out_of_time = false;  // the test's own time
    int exit_code = 0;            // the engine's
    std::string stopped_because;  // the component's reason, if it ended by itself
};

}  // namespace volley::cli::testing
