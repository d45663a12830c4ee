// Who waits for which queue in this process: a send wakes them, so that a message passes from a producer to a
// consumer of one volleyd without a poll. A hint only. Thread: any.
#pragma once

#include <string>

namespace volley::rsmq {

// `fd` is an eventfd, written to when `queue` (Settings::store() + set_key) gets a message.
void listen_for_sends(const std::string& queue, int fd);
// Afterwards nothing is written to `fd` any more.
void stop_listening(int fd);
void tell_listeners(const std::string& queue);

}  // namespace volley::rsmq
