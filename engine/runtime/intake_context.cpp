#include "runtime/intake_context.hpp"

#include <utility>

#include "log/log.hpp"

namespace volley::runtime {

IntakeContext::IntakeContext(Pipeline& its_pipeline, plugins::Consumer consumer,
                             const delivery::Options& core_options, IntakeOptions its_options)
    : pipeline(its_pipeline),
      options(its_options),
      is_log(core_options.log),
      core(core_options),
      input(std::move(consumer)),
      fetcher(its_pipeline, input),
      workers(its_pipeline),
      assignments(core),
      stall_watch(its_options.stall_timeout) {}

void IntakeContext::fail(Error error) {
    const std::string cause = error.text;
    if (!status.fail(std::move(error))) return;
    log::error("the component stops", {{"component", pipeline.config.name}, {"cause", cause}});
}

void IntakeContext::input_failed(Error error) {
    if (error.code == ErrorCode::fatal || error.code == ErrorCode::fenced) input.give_up();
    fail(std::move(error));
}

int exit_code_of(const Error& error) {
    switch (error.code) {
        case ErrorCode::config:
            return 78;
        case ErrorCode::unauthorized:
            return 77;
        case ErrorCode::fenced:
            return 79;
        case ErrorCode::retry:
        case ErrorCode::unknown:
            return 69;
        default:
            return 70;
    }
}

}  // namespace volley::runtime
