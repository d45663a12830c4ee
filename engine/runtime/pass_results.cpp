#include "runtime/pass_results.hpp"

#include <algorithm>
#include <limits>

#include "runtime/dead_letter.hpp"
#include "runtime/encode.hpp"
#include "runtime/message_span.hpp"
#include "tracing/tracer.hpp"

namespace volley::runtime {

using delivery::Verdict;
using delivery::WorkItem;

namespace {

// 30 days: a handler that asks for more has a wrong unit.
constexpr std::uint64_t longest_retry_after_ms = 30ULL * 24 * 60 * 60 * 1000;

}  // namespace

void PassResults::prepare() {
    records_.resize(pipeline_.output_queues.size() + 1);
    places_.resize(records_.size());
}

void PassResults::begin_pass() {
    completions_.clear();
    for (auto& records : records_) records.clear();
    for (auto& places : places_) places.clear();
}

bool PassResults::group_failed(const WorkItem& item) const {
    return item.group < failed_turns_.size() && failed_turns_[item.group] == item.turn;
}

void PassResults::hand_over(const WorkItem& item) {
    if (const auto failure = encode(pipeline_, pipeline_.contexts[item.slot])) return refuse(item, *failure);
    send(item);
}

void PassResults::refuse(const WorkItem& item, const codec::Failure& failure) {
    MessageContext& context = pipeline_.contexts[item.slot];
    context.discard_outputs();
    context.explain(failure.reason, failure.text);
    give_back(item, {Verdict::fail, failure.reason, 0});
}

// Its outputs go to the producers at the end of the pass.
void PassResults::send(const WorkItem& item) {
    const MessageContext& context = pipeline_.contexts[item.slot];
    end_span(pipeline_, item, {Verdict::ok}, spans_);
    if (pipeline_.tap->is_on()) {
        for (const Output& output : context.outputs)
            pipeline_.tap->note(TappedMessage::Direction::out,
                                pipeline_.output_queues[output.queue_index]->queue, output.record);
    }
    if (!pipeline_.transactions) {
        for (const Output& output : context.outputs) {
            records_[output.queue_index].push_back(output.record);
            places_[output.queue_index].push_back(static_cast<std::uint32_t>(completions_.size()));
        }
        collected_ += context.outputs.size();
    }
    Completion c;
    c.kind = Completion::Kind::handled;
    c.slot = item.slot;
    c.verdict = Verdict::ok;
    c.count = static_cast<std::uint32_t>(context.outputs.size());
    const std::size_t held = context.held();
    c.detail = static_cast<std::uint32_t>(std::min<std::size_t>(held - std::min(held, context.counted),
                                                                std::numeric_limits<std::uint32_t>::max()));
    completions_.push_back(c);
    constexpr std::size_t most_collected = 4096;
    if (collected_ > most_collected) produce_all();
}

void PassResults::give_back(const WorkItem& item, const HandlerResult& result) {
    end_span(pipeline_, item, result, spans_);
    const bool over = result.verdict == Verdict::drop;
    if (!over && item.group != delivery::no_group) {
        if (failed_turns_.size() <= item.group) failed_turns_.resize(item.group + 1U, 0);
        failed_turns_[item.group] = item.turn;
    }
    Completion c;
    c.kind = Completion::Kind::handled;
    c.slot = item.slot;
    c.verdict = result.verdict;
    c.detail = result.reason;
    c.retry_after_ms =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(result.retry_after_ms, longest_retry_after_ms));
    completions_.push_back(c);
}

void PassResults::send_again(const WorkItem& item) {
    MessageContext& context = pipeline_.contexts[item.slot];
    context.send_anew();
    for (std::size_t i = 0; i < context.outputs.size(); ++i) {
        Output& output = context.outputs[i];
        if (!output.failed) continue;
        output.failed = false;
        output.record.token = token_of(item.slot, context, i);
        records_[output.queue_index].push_back(output.record);
        places_[output.queue_index].push_back(EarlyReports::none);
    }
}

void PassResults::send_dead_letter(const WorkItem& item) {
    MessageContext& context = pipeline_.contexts[item.slot];
    context.send_anew();
    records_.back().push_back(dead_letter(pipeline_, context, item.slot, item.attempt));
    places_.back().push_back(EarlyReports::none);
    if (pipeline_.tap->is_on() && pipeline_.dead_letters)
        pipeline_.tap->note(TappedMessage::Direction::dead, pipeline_.dead_letters->queue,
                            records_.back().back());
    end_dead_letter_span(pipeline_, context, spans_);
}

void PassResults::end_pass(std::uint32_t finished) {
    produce_all();
    if (!spans_.empty()) hand_over_spans();
    if (finished > 0) {
        Completion idle;
        idle.kind = Completion::Kind::worker_idle;
        idle.slot = worker_;
        idle.count = finished;
        completions_.push_back(idle);
    }
    if (!completions_.empty()) pipeline_.completions.push(completions_.data(), completions_.size());
}

void PassResults::hand_over_spans() {
    const std::int64_t now_ns = monotonic().count();
    for (tracing::Span& span : spans_)
        if (span.end_ns == 0) span.end_ns = now_ns;
    pipeline_.tracer->add(spans_);
}

void PassResults::produce_all() {
    collected_ = 0;
    for (const auto& output_queue : pipeline_.output_queues) produce_to(*output_queue, output_queue->index);
    if (pipeline_.dead_letters) produce_to(*pipeline_.dead_letters, records_.size() - 1);
}

// Said before it is asked whether to give up: either we see that, or the intake sees where we are.
void PassResults::produce_to(OutputQueue& output_queue, std::size_t index) {
    std::vector<volley_record>& records = records_[index];
    std::vector<std::uint32_t>& places = places_[index];
    if (records.empty()) return;
    output_queue_in_use_.store(&output_queue);
    produce(output_queue, records.data(), records.size(), pipeline_.aborting, {places.data(), &completions_});
    output_queue_in_use_.store(nullptr, std::memory_order_release);
    constexpr std::size_t kept = 8192;
    records.clear();
    places.clear();
    if (records.capacity() > kept) std::vector<volley_record>().swap(records);
    if (places.capacity() > kept) std::vector<std::uint32_t>().swap(places);
}

}  // namespace volley::runtime
