#include "runtime/job_result.hpp"

#include "runtime/message_span.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

using delivery::Verdict;

void prepare_task(Pipeline& pipeline, const delivery::WorkItem& item, Job& job, volley_task& task) {
    job.slot = item.slot;
    job.context = &pipeline.contexts[item.slot];
    // What an earlier attempt left behind.
    job.context->outputs.clear();
    job.context->arena.reset();
    job.message = job.context->message;
    if (!is_absent(job.message.body)) job.message.body = view_of(job.context->body);
    job.message.flags =
        pipeline.input_encoding == codec::Encoding::none ? 0 : std::uint32_t{VOLLEY_MESSAGE_JSON};
    if (!job.context->key.empty()) job.message.key = view_of(job.context->key);
    show_span(pipeline, *job.context, job.message);
    task = volley_task{};
    task.message = &job.message;
    task.attempt = item.attempt;
    task.deadline_ms = unix_ms() + pipeline.config.handler_timeout.count();
    task.group = item.group == delivery::no_group ? 0 : item.group + 1;
}

HandlerResult failed(MessageContext& context, Verdict verdict, std::uint32_t reason, std::string_view why) {
    context.explain(reason, why);
    return {verdict, reason, 0};
}

HandlerResult timed_out(const Pipeline& pipeline, MessageContext& context, delivery::Millis took) {
    return failed(context, Verdict::retry, VOLLEY_REASON_TIMEOUT,
                  "the handler took " + std::to_string(took.count()) + " ms; handler_timeout is " +
                      std::to_string(pipeline.config.handler_timeout.count()) + " ms");
}

HandlerResult result_of(const Job& job, bool may_skip) {
    MessageContext& context = *job.context;
    const std::uint32_t reason = job.reason < delivery::reason_count ? job.reason : 0;
    const auto why = [&job](const char* otherwise) {
        return job.explanation.empty() ? std::string_view(otherwise) : std::string_view(job.explanation);
    };
    switch (job.status) {
        case VOLLEY_OK:
            if (job.emit_status == VOLLEY_OK) return {Verdict::ok};
            if (job.emit_status == VOLLEY_E_RETRY)
                return failed(context, Verdict::retry, VOLLEY_REASON_OUTPUT,
                              "an output could not be kept: out of memory");
            return failed(context, Verdict::fail, VOLLEY_REASON_OUTPUT, job.emit_error);
        case VOLLEY_DROP:
            return {Verdict::drop};
        case VOLLEY_AGAIN:
            if (may_skip) return {Verdict::not_started, 0, 0, true};
            return failed(context, Verdict::retry, VOLLEY_REASON_HANDLER_RETRY,
                          "the handler did not start it (VOLLEY_AGAIN), though nothing before it failed");
        case VOLLEY_E_RETRY: {
            HandlerResult result = failed(context, Verdict::retry,
                                          reason != 0 ? reason : std::uint32_t{VOLLEY_REASON_HANDLER_RETRY},
                                          why("the handler asked to try again"));
            result.retry_after_ms = job.retry_after_ms;
            return result;
        }
        default:
            return failed(context, Verdict::fail,
                          reason != 0 ? reason : std::uint32_t{VOLLEY_REASON_HANDLER_FAIL},
                          why("the handler refused it"));
    }
}

}  // namespace volley::runtime
