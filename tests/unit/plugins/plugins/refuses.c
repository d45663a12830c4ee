/* A plugin that does not want to run here. */
#include "volley/plugin.h"

const volley_plugin* volley_plugin_v1(const volley_host* host, volley_error* error) {
    (void)host;
    volley_fail(error, VOLLEY_E_FATAL, "this processor has no AVX");
    return NULL;
}
