// Notifies the consumers of this process when a producer of this process sends, so that the message reaches
// its consumer without a poll. Only a hint: a consumer must not rely on it. Thread: any.
#pragma once

#include <string>

namespace volley::rsmq {

class EventFd;

// Names a queue for the functions below: Settings::store() + Settings::set_key.
using QueueAddress = std::string;

// Signals `event` on each notify_send(queue) until unsubscribe_from_sends(event).
void subscribe_to_sends(const QueueAddress& queue, const EventFd& event);
// After it returns, `event` is no longer signalled. Does nothing if `event` is not subscribed.
void unsubscribe_from_sends(const EventFd& event);
void notify_send(const QueueAddress& queue);

}  // namespace volley::rsmq
