// A child process as a handler, in any language: the handler table of the ABI around a Child and its
// Exchange. Each worker has an instance and therefore a child of its own. If a child dies or hangs, the
// message that it is handling loses one attempt, and the child is replaced. A wrong answer fails only its
// message. While no child can start, messages wait.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "volley/plugin.h"

namespace volley::handlers {

struct ProcessOptions {
    std::vector<std::string> exec;  // program and arguments
    std::uint64_t handler_timeout_ms = 30'000;
    std::uint64_t startup_timeout_ms = 60'000;  // until the child reads its first message
    std::uint64_t max_message_bytes = 1 << 20;  // an answer with all its outputs may be sixteen times as long
    std::uint32_t concurrency = 1;              // messages at work at a time
    std::string queue = {};                     // the name of the input in its store
    bool has_batches = false;                   // the messages of a call are a batch; concurrency counts them
    std::map<std::string, std::string> env = {};  // added to the environment
    std::uint64_t max_messages = 0;               // of a child, which is then replaced; 0: any number
    std::uint64_t max_memory = 0;                 // bytes, likewise
    bool clear_env = false;                       // … of which otherwise only PATH is left
    std::string working_dir = {};                 // empty: the folder of the configuration
};

const volley_handler_class* process_handler_class();

// The `config` for instances of this class.
std::string process_config(const ProcessOptions& options);

}  // namespace volley::handlers
