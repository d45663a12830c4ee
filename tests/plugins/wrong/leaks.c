/* destroy forgets what create has allocated. */
#include "../queue.h"

static void destroy(volley_consumer *c) { (void)c; }

QUEUE_PLUGIN(consumer_functions.destroy = destroy)
