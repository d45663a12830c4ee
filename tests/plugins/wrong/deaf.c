/* interrupt does nothing. */
#include "../queue.h"

static void interrupt(volley_consumer *c) { (void)c; }

QUEUE_PLUGIN(consumer_functions.interrupt = interrupt)
