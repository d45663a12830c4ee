// The window of one lane of a log: its received messages in offset order, from the oldest unfinished one on,
// and the offset that may be committed.
//
// Invariant: the committable offset never passes an unfinished message. Offsets have gaps (transaction
// markers, compaction), so the window contains the offsets that were received and assumes nothing about the
// next one. A message enters the window before it can start, and therefore before a commit could pass it.
//
// Not thread-safe. Part of Delivery.
#pragma once

#include <cstdint>

#include "delivery/entry.hpp"

namespace volley::delivery {

class Window {
public:
    // Appends the message at `slot`. Returns false and does nothing if its offset is not greater than the
    // newest one. After a seek or a resume a log can deliver old offsets again; those are already open or
    // finished.
    bool open(Entries& entries, Slot slot);

    // Marks the message at `slot` as finished, and advances committable() over the finished messages at the
    // start of the window. Calls `forget(slot)` for each message that this removes from the window.
    template <typename Forget>
    void finish(Entries& entries, Slot slot, Forget&& forget) {
        entries[slot].window_done = true;
        while (head_ != no_slot && entries[head_].window_done) {
            const Slot first = head_;
            head_ = entries[first].window_next;
            entries[first].in_window = false;
            committable_ = entries[first].offset + 1;
            forget(first);
        }
        if (head_ == no_slot) tail_ = no_slot;
    }

    // The offset that may be committed: from there on a consumer reads every unfinished message again. -1:
    // none.
    std::int64_t committable() const { return committable_; }
    Slot head() const { return head_; }
    void clear() { head_ = tail_ = no_slot; }

private:
    Slot head_ = no_slot;
    Slot tail_ = no_slot;
    std::int64_t newest_ = -1;
    std::int64_t committable_ = -1;
};

}  // namespace volley::delivery
