// An exception leaves a function.
#include <volley/plugin.h>

#include <stdexcept>

struct volley_handler {};

namespace {

volley_handler only;

std::int32_t create(const volley_host*, const volley_options*, const volley_jobs*, volley_handler** out,
                    volley_error*) {
    *out = &only;
    return VOLLEY_OK;
}

std::int32_t handle(volley_handler*, volley_task*, std::uint32_t, std::uint32_t, volley_error*) {
    throw std::runtime_error("no such city");
}

void destroy(volley_handler*) {}

}  // namespace

#define JOIN(a, b) a##b
#define ENTRY(major) JOIN(volley_plugin_v, major)

VOLLEY_EXPORT const volley_plugin* ENTRY(VOLLEY_ABI_MAJOR)(const volley_host*, volley_error*) {
    static volley_handler_class functions{};
    functions.struct_size = sizeof functions;
    functions.create = create;
    functions.handle = handle;
    functions.destroy = destroy;
    static volley_class one{};
    one.struct_size = sizeof one;
    one.kind = VOLLEY_KIND_HANDLER;
    one.name = "Throws";
    one.functions = &functions;
    static const volley_class* const classes[] = {&one};
    static volley_plugin plugin{};
    plugin.struct_size = sizeof plugin;
    plugin.class_count = 1;
    plugin.classes = classes;
    plugin.name = "throws";
    plugin.version = "1.0.0";
    return &plugin;
}
