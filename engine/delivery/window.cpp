#include "delivery/window.hpp"

namespace volley::delivery {

bool Window::open(Entries& entries, Slot slot) {
    Entry& entry = entries[slot];
    if (entry.offset <= newest_) return false;
    newest_ = entry.offset;
    entry.in_window = true;
    entry.window_next = no_slot;
    if (tail_ == no_slot)
        head_ = slot;
    else
        entries[tail_].window_next = slot;
    tail_ = slot;
    return true;
}

}  // namespace volley::delivery
