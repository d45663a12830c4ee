// The unfinished messages of one lane of a log, in offset order, and the offset that may be committed.
//
// The committable offset never passes an unfinished message; that is the whole point of it. Offsets are
// sparse (transaction markers, compaction), so what was received counts, never "+1". A message is opened
// before anything is dispatched, hence before any commit that could pass it is computed.
#pragma once

#include <cstdint>

#include "delivery/entry.hpp"

namespace volley::delivery {

class Window {
public:
    // Appends the message at `slot`. Returns false, and does nothing, if its offset is not past the newest: a
    // log hands out old offsets again after a seek or a resume, and those are already open or finished.
    bool open(Entries& entries, Slot slot);

    // The message at `slot` is done with: moves committable() over the finished prefix. Calls `forget(slot)`
    // for each message that leaves the window.
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

    // The next offset to read if everything unfinished is to be read again; -1: nothing finished yet.
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
