#include "runtime/reports.hpp"

#include "log/log.hpp"
#include "plugins/call_error.hpp"
#include "runtime/call_status.hpp"
#include "runtime/discard.hpp"

namespace volley::runtime {

using delivery::SendFailure;
using delivery::Verdict;

namespace {

SendFailure kind_of(std::int32_t status) {
    switch (status) {
        case VOLLEY_E_PERMANENT:
        case VOLLEY_E_TOO_LARGE:
        case VOLLEY_E_UNSUPPORTED:
            return SendFailure::permanent;
        case VOLLEY_E_UNKNOWN:
            return SendFailure::unknown;
        default:
            return SendFailure::transient;
    }
}

}  // namespace

bool Reports::take(delivery::Instant now) {
    now_ = now;
    pipeline_.completions.drain(drained_);
    for (const Completion& c : drained_.completions) {
        switch (c.kind) {
            case Completion::Kind::handled:
                handled(c);
                break;
            case Completion::Kind::reported:
                if (c.status != VOLLEY_OK)
                    refused(c, drained_.text_of(c));
                else if (!is_of_its_producer(c) || !core_.confirmed(c.slot, c.origin.life, c.count, now_))
                    false_report(c);
                break;
            case Completion::Kind::dead_letter:
                dead_letter(c, drained_.text_of(c));
                break;
            case Completion::Kind::worker_idle:
                workers_.idle(c.slot, c.count);
                break;
            case Completion::Kind::worker_failed:
                fail(workers_.failure(c.slot));
                break;
            case Completion::Kind::producer_failed:
                fail(Error(static_cast<ErrorCode>(c.status), std::string(drained_.text_of(c))));
                break;
        }
    }
    return !drained_.completions.empty();
}

void Reports::handled(const Completion& c) {
    const bool succeeded = c.verdict == Verdict::ok;
    const bool early = !succeeded || c.confirmed == 0 || core_.confirmed_early(c.slot, c.confirmed);
    if (!early || core_.has_false_reports(c.slot, c.count)) {
        false_report(c);
        return core_.disown(c.slot, succeeded ? c.count : 0, succeeded ? c.confirmed : 0, now_);
    }
    const bool failed = c.verdict == Verdict::retry || c.verdict == Verdict::fail;
    core_.handled(c.slot, c.verdict, c.count, failed ? 0 : c.detail,
                  delivery::Millis(succeeded ? 0 : c.retry_after_ms), failed ? c.detail : 0, now_);
    if (failed) failures_.write(core_, c.slot, now_);
}

// A connector reported a record that it was not given, or reported one twice. None of its reports can be
// trusted: believing them could lose a message.
void Reports::false_report(const Completion& c) {
    const OutputQueue& output_queue = port_of(c);
    fail(Error(ErrorCode::fatal, "output to \"" + output_queue.queue + "\": its connector " +
                                     output_queue.label +
                                     " reported a record twice, or one that it was not given"));
}

// Returns the output queue that the report came from. For a message that has fewer outputs than were
// reported, that is the first.
const OutputQueue& Reports::port_of(const Completion& c) const {
    if (c.kind == Completion::Kind::dead_letter) return *pipeline_.dead_letters;
    return *pipeline_.output_queues[c.kind == Completion::Kind::reported ? c.origin.queue_index : 0];
}

// A status that the ABI does not define says nothing about the record: neither that it is stored nor that it
// is not.
bool Reports::is_defined(const Completion& c) {
    if (c.status == VOLLEY_OK || plugins::is_error_status(c.status)) return true;
    const OutputQueue& output_queue = port_of(c);
    fail(Error(ErrorCode::fatal, "output to \"" + output_queue.queue + "\": its connector " +
                                     output_queue.label + " reported " + plugins::describe(c.status)));
    return false;
}

// Whether the report comes from the producer of this output. With a single output queue it always does.
bool Reports::is_of_its_producer(const Completion& c) const {
    if (pipeline_.output_queues.size() == 1 || !is_awaited(c))
        return true;  // the core detects a report that it does not await
    const auto& outputs = pipeline_.contexts[c.slot].outputs;
    return c.count >= outputs.size() || outputs[c.count].queue_index == c.origin.queue_index;
}

bool Reports::is_awaited(const Completion& c) const {
    return core_.is_awaited(c.slot, c.origin.life, c.kind == Completion::Kind::dead_letter);
}

void Reports::refused(const Completion& c, std::string_view text) {
    if (!is_awaited(c)) return false_report(c);
    if (!is_defined(c)) return;
    MessageContext& context = pipeline_.contexts[c.slot];
    if (c.count >= context.outputs.size() || context.outputs[c.count].queue_index != c.origin.queue_index)
        return false_report(c);
    const std::string& queue = pipeline_.output_queues[context.outputs[c.count].queue_index]->queue;
    stop_if_hopeless(c, queue, text);
    const SendFailure kind = kind_of(c.status);
    const std::uint32_t reason = c.status == VOLLEY_E_TOO_LARGE ? std::uint32_t{VOLLEY_REASON_TOO_LARGE}
                                                                : std::uint32_t{VOLLEY_REASON_OUTPUT};
    context.explain(reason, "output to \"" + queue + "\": " + std::string(text));
    if (!core_.send_failed(c.slot, c.count, kind, reason, now_)) return false_report(c);
    context.outputs[c.count].failed = kind != SendFailure::permanent;
    failures_.write(core_, c.slot, now_);
    discard_if_given_up(core_, pipeline_.contexts, c.slot);
}

void Reports::dead_letter(const Completion& c, std::string_view text) {
    if (!is_awaited(c)) return false_report(c);
    if (!is_defined(c)) return;
    if (c.status == VOLLEY_OK) {
        core_.dead_letter_confirmed(c.slot);
        return;
    }
    stop_if_hopeless(c, pipeline_.dead_letters->queue, text);
    MessageContext& context = pipeline_.contexts[c.slot];
    SendFailure kind = kind_of(c.status);
    if (c.status == VOLLEY_E_TOO_LARGE && !context.truncate) {
        context.truncate = true;  // retry with a shortened body, and its size in a header
        kind = SendFailure::transient;
    }
    if (kind == SendFailure::permanent) {
        log::error(
            "the dead-letter queue refuses a message for good: the component stops, the message stays "
            "unacked",
            {{"component", pipeline_.config.name},
             {"queue", pipeline_.dead_letters->queue},
             {"cause", text}});
    }
    core_.dead_letter_failed(c.slot, kind, now_);
    failures_.write(core_, c.slot, now_);
    discard_if_given_up(core_, pipeline_.contexts, c.slot);
}

// If the queue accepts nothing until a person acts, the component stops, and acks nothing that depends on it.
void Reports::stop_if_hopeless(const Completion& c, const std::string& queue, std::string_view text) {
    const auto code = static_cast<ErrorCode>(c.status);
    if (!needs_a_person(code)) return;
    // The text from a call already has the label; the text from a report does not.
    const std::string label = port_of(c).label + ": ";
    const bool has_label = text.substr(0, label.size()) == label;
    fail(Error(code, "output to \"" + queue + "\": " + (has_label ? "" : label) + std::string(text)));
}

void Reports::fail(Error error) {
    if (!failure_) failure_ = std::move(error);
}

}  // namespace volley::runtime
