// What a child process has written so far: whether it speaks the protocol, and what it has declared.
#pragma once

namespace volley::handlers {

struct ChildState {
    bool has_spoken = false;     // it has written a line of the protocol
    bool has_answered = false;   // … that was an answer
    bool keeps_groups = false;   // it skips messages behind a failure in their group
    bool takes_cancels = false;  // it wants to know of cancelled messages
    // It wants to know where messages are from. Messages are sent before it has declared anything.
    bool takes_source = true;
    bool takes_batches = false;  // it wants messages in lists
};

}  // namespace volley::handlers
