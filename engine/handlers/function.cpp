#include "handlers/function.hpp"

#include <cstdlib>

namespace volley::handlers {

namespace {

// The table has no field for a pointer, so the address is in the configuration of the instance.
struct Instance {
    const Function* function;
    const volley_jobs* jobs;
};

std::int32_t create(const volley_host* host, const volley_options* options, const volley_jobs* jobs,
                    volley_handler** out, volley_error* error) {
    *out = nullptr;
    return detail::guard(error, [&] {
        const std::string address = Context(host, *options).config("function");
        const auto number = std::strtoull(address.c_str(), nullptr, 10);
        *out =
            reinterpret_cast<volley_handler*>(new Instance{reinterpret_cast<const Function*>(number), jobs});
    });
}

std::int32_t open(volley_handler*, volley_error*) { return VOLLEY_OK; }

std::int32_t handle(volley_handler* handler, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                    volley_error* error) {
    const Instance& instance = *reinterpret_cast<Instance*>(handler);
    return detail::run_tasks(*instance.jobs, tasks, count, stride, error, [&](volley_task& task) {
        Outputs outputs(*instance.jobs, task.job);
        instance.function->body()(Message(*task.message, task.attempt), outputs);
    });
}

std::int32_t close(volley_handler*, std::uint32_t, volley_error*) { return VOLLEY_OK; }

void destroy(volley_handler* handler) { delete reinterpret_cast<Instance*>(handler); }

}  // namespace

const volley_handler_class* Function::functions() const {
    static const volley_handler_class table = [] {
        volley_handler_class t{};
        t.struct_size = sizeof t;
        t.create = &create;
        t.open = &open;
        t.handle = &handle;
        t.close = &close;
        t.destroy = &destroy;
        return t;
    }();
    return &table;
}

std::string Function::config() const {
    return "{\"function\":\"" + std::to_string(reinterpret_cast<std::uintptr_t>(this)) + "\"}";
}

}  // namespace volley::handlers
