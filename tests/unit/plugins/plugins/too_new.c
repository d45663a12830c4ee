/* Needs more than any engine of this major version offers. */
#include "volley/plugin.h"

const volley_plugin* volley_plugin_v1(const volley_host* host, volley_error* error) {
    static const volley_plugin plugin = {
        .struct_size = sizeof(volley_plugin), .needs_minor = 999, .name = "too_new", .version = "9.0.0"};
    (void)host, (void)error;
    return &plugin;
}
