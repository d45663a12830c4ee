#include "send_notifications.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

#include "event_fd.hpp"

namespace volley::rsmq {

namespace {

struct Subscription {
    QueueAddress queue;
    const EventFd* event;
};

struct Registry {
    std::mutex mutex;
    std::vector<Subscription> subscriptions;
};

// Never destroyed: instances may outlive static objects at process exit.
Registry& registry() {
    static Registry& all = *new Registry;
    return all;
}

}  // namespace

void subscribe_to_sends(const QueueAddress& queue, const EventFd& event) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    all.subscriptions.push_back({queue, &event});
}

void unsubscribe_from_sends(const EventFd& event) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    std::erase_if(all.subscriptions, [&event](const Subscription& s) { return s.event == &event; });
}

void notify_send(const QueueAddress& queue) {
    Registry& all = registry();
    const std::lock_guard lock(all.mutex);
    for (const Subscription& subscription : all.subscriptions)
        if (subscription.queue == queue) subscription.event->signal();
}

}  // namespace volley::rsmq
