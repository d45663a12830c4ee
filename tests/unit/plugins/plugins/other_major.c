/* Built for another major version of the ABI. */
#include "volley/plugin.h"

VOLLEY_EXPORT const void* volley_plugin_v3(void);
const void* volley_plugin_v3(void) { return NULL; }
