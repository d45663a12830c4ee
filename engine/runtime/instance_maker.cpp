#include "runtime/instance_maker.hpp"

#include "log/log.hpp"

namespace volley::runtime {

Instance::~Instance() {
    handler.reset();
    jobs.give_back();
}

Result<std::unique_ptr<Instance>> InstanceMaker::make() {
    if (!unopened_) {
        health_.set_down({});  // what the one before said
        JobTable& jobs = JobTable::borrow();
        auto created = create(jobs.functions());
        if (!created) {
            jobs.give_back();
            return created.error();
        }
        unopened_ = std::make_unique<Instance>(std::move(*created), jobs);
    }
    auto opened = unopened_->handler->open();
    if (opened) return std::move(unopened_);
    if (!may_pass(opened.error().code)) unopened_.reset();
    return opened.error();
}

Result<plugins::HandlerInstance> InstanceMaker::create(const volley_jobs* jobs) {
    plugins::Services services;
    services.queue = pipeline_.config.name;
    services.component = pipeline_.config.name;
    services.app = pipeline_.app;
    services.wake = [] {};
    services.health = [&health = health_](std::uint32_t state, std::string text) {
        health.set_down(state == VOLLEY_DOWN ? std::move(text) : std::string());
    };
    services.replaced = [&health = health_](bool planned) { health.replaced(planned); };
    if (pipeline_.handler) {
        return plugins::HandlerInstance::create(*pipeline_.handler, std::move(services),
                                                pipeline_.handler_config, pipeline_.base_dir, jobs);
    }
    return plugins::HandlerInstance::create(pipeline_.built_in_handler, std::move(services),
                                            pipeline_.handler_config, pipeline_.base_dir, jobs);
}

void InstanceMaker::close(Instance& instance, std::uint32_t timeout_ms) const {
    if (auto closed = instance.handler->close(timeout_ms); !closed) {
        log::warning(closed.error().text,
                     {{"component", pipeline_.config.name}, {"doing", "closing the handler"}});
    }
}

}  // namespace volley::runtime
