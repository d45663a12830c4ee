/* destroy waits for something that never comes. */
#include "../queue.h"

static void destroy(volley_consumer *c) {
  pthread_mutex_lock(&mutex);
  for (;;) pthread_cond_wait(&changed, &mutex);
  (void)c;
}

QUEUE_PLUGIN(consumer_functions.destroy = destroy)
