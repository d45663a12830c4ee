// The work of a message as a function of a shared object, and behind a handler's table of the ABI. bench_abi
// calls both, and the handlers of abi_handlers.cpp.
#include <cstring>

#include "volley/plugin.h"
#include "volley/view.hpp"

namespace {

std::uint64_t sum = 0;

void work(const volley_view& body) {
    std::uint64_t first = 0;
    std::memcpy(&first, body.data, sizeof first);
    sum += first;
}

std::int32_t handle_tasks(volley_handler*, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                          volley_error*) {
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_task& task = volley::element(tasks, stride, i);
        work(task.message->body);
        task.status = VOLLEY_OK;
    }
    return VOLLEY_OK;
}

}  // namespace

extern "C" VOLLEY_EXPORT std::int32_t bench_direct(const volley_message* message) {
    work(message->body);
    return VOLLEY_OK;
}

extern "C" VOLLEY_EXPORT const volley_handler_class* bench_table() {
    static const volley_handler_class table = [] {
        volley_handler_class t{};
        t.struct_size = sizeof t;
        t.handle = &handle_tasks;
        return t;
    }();
    return &table;
}
