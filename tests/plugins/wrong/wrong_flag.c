/* A consumer declares what only a handler can do. */
#include "../queue.h"

QUEUE_PLUGIN(reader.flags |= VOLLEY_KEEPS_GROUPS)
