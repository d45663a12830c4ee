// A dead letter as people and `retry` need it, whether its store has headers or it lies in an envelope
// (engine/runtime/dead_letter.cpp writes both). Owns its bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/message_json.hpp"
#include "volley/plugin.h"

namespace volley::queues {

struct Letter {
    std::string id;                                            // the store's; what `volley dlq` calls it
    std::vector<std::pair<std::string, std::string>> verdict;  // the volley-… headers: why it is here
    std::vector<codec::Header> headers;                        // the message's own
    std::optional<std::string> key;
    std::optional<std::string> body;  // the original bytes; nothing: a tombstone

    // The value of a volley-… header by its name without that prefix; empty if there is none.
    std::string_view said(std::string_view name) const;
};

// Any message of a dead-letter queue. One that no engine put there has no verdict.
Letter read_letter(const volley_message& message);

// One JSON object without a line break: id, verdict, headers, key and body, as codec/message_json.hpp has
// them.
std::string to_json(const Letter& letter);

}  // namespace volley::queues
