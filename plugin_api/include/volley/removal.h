/* An extension of consumers with volley.inspect, in draft as volley/plugin.h is, whose rules hold. */
#ifndef VOLLEY_REMOVAL_H
#define VOLLEY_REMOVAL_H

#include <volley/plugin.h>

/* Removes several stored messages at once, for stores where a request for each would be slow. */
#define VOLLEY_EXT_REMOVAL "volley.removal/1"
typedef struct volley_ext_removal {
  uint32_t struct_size;
  uint32_t reserved;
  /* required. As volley_ext_inspect.remove for each of the ids. removed[i], zero before: 1 if it was there. On an error too, those
   * that were removed have their 1. [owner] */
  int32_t (*remove_all)(void *instance, const volley_view *ids, uint32_t count, uint32_t *removed, volley_error *);
} volley_ext_removal;

#endif /* VOLLEY_REMOVAL_H */
