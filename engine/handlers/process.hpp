// A child process as a handler, in any language: the ABI's handler table around a Child and its protocol.
// Each worker has an instance, hence a child, of its own. A child that dies, hangs or talks garbage costs the
// message at work one attempt and is replaced; what was sent behind it was not started.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "volley/plugin.h"

namespace volley::handlers {

struct ProcessOptions {
    std::vector<std::string> exec;  // program and arguments
    std::uint64_t handler_timeout_ms = 30'000;
    std::uint64_t max_message_bytes =
        1 << 20;  // a longer answer line is garbage (four times this, for its envelope)
};

const volley_handler_class* process_handler_class();

// The `config` that instances of that class want.
std::string process_config(const ProcessOptions& options);

}  // namespace volley::handlers
