#include "queue.h"

QUEUE_PLUGIN((void)0)
