// volleyd as process 1, as in a container: whatever processes handlers leave behind become its children, and
// only process 1 can reap them.
#pragma once

namespace volley {

// Does nothing unless this is process 1. Else it returns in a new process, in which all goes on as usual, and
// process 1 hands signals on to it, reaps, and ends as it ended. To be called before any thread is started.
void leave_process_1();

}  // namespace volley
