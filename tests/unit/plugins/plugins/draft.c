/* A plugin that was built for the last draft of the ABI. */
#define volley_plugin_v1 volley_plugin_v0
#include "good.c"
