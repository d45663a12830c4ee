#include "runtime/produce.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/message_context.hpp"

namespace volley::runtime {

namespace {

Completion completion_of(const OutputQueue& output_queue, std::uint64_t token, std::int32_t status) {
    Completion c;
    c.kind = output_queue.dead_letters ? Completion::Kind::dead_letter : Completion::Kind::reported;
    c.slot = slot_of(token);
    c.count = output_of(token);
    c.origin = {output_queue.index, life_of_token(token)};
    // A value outside the limits is not a status of the ABI, and clamping keeps it that way.
    using Limits = std::numeric_limits<std::int16_t>;
    c.status = static_cast<std::int16_t>(std::clamp<std::int32_t>(status, Limits::min(), Limits::max()));
    return c;
}

// The call of produce() that this thread is inside: its records from the first unreported one on.
struct Call {
    const OutputQueue* output_queue = nullptr;
    const volley_record* next = nullptr;
    const volley_record* end = nullptr;
    EarlyReports early;
};
thread_local Call* this_threads_call = nullptr;

class CallScope {
public:
    explicit CallScope(Call& call) {
        if (call.early.completions != nullptr) this_threads_call = &call;
    }
    ~CallScope() { this_threads_call = nullptr; }
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;
};

// Takes a report for the next record of this thread's call. Returns false for any other record: that report
// becomes a completion of its own, and whoever takes the completion checks whether it is expected.
bool take_early(const OutputQueue& output_queue, const volley_report& report) {
    Call* const call = this_threads_call;
    if (call == nullptr || call->output_queue != &output_queue || call->next == call->end) return false;
    if (call->next->token != report.token) return false;
    ++call->next;
    const std::uint32_t place = *call->early.places++;
    const std::uint32_t output = output_of(report.token);
    if (place == EarlyReports::none || output >= delivery::reports_told) return false;
    (*call->early.completions)[place].confirmed |= std::uint32_t{1} << output;
    return true;
}

// Locks the turn for a call of a producer that must be called by one thread at a time.
std::unique_lock<CallMutex> take_turn(OutputQueue& output_queue) {
    std::unique_lock lock(output_queue.turn, std::defer_lock);
    if (!output_queue.can(VOLLEY_THREAD_SAFE)) lock.lock();
    return lock;
}

void report_failed(OutputQueue& output_queue, const volley_record* records, std::size_t count,
                   const Error& error) {
    for (std::size_t i = 0; i < count; ++i) {
        output_queue.failed.fetch_add(1, std::memory_order_relaxed);
        output_queue.completions->push(
            completion_of(output_queue, records[i].token, static_cast<std::int32_t>(error.code)), error.text);
    }
}

// The instance cannot go on: none of the records is stored, and the component ends.
void report_broken(OutputQueue& output_queue, const volley_record* records, std::size_t count,
                   const Error& error) {
    Completion c;
    c.kind = Completion::Kind::producer_failed;
    c.status = static_cast<std::int16_t>(error.code);
    output_queue.completions->push(c, error.text);
    report_failed(output_queue, records, count, Error(ErrorCode::retry, error.text));
}

// Logs a report that came after close. Its message is already released, so nothing else can be done.
void tell_late(OutputQueue& output_queue) {
    if (output_queue.told_late.exchange(true)) return;
    log::error("a producer reports records after it was closed; the reports are ignored",
               {{"queue", output_queue.queue}, {"plugin", output_queue.label}});
}

}  // namespace

void on_report(void* context, const volley_report* reports, std::uint32_t count, std::uint32_t stride) {
    OutputQueue& output_queue = *static_cast<OutputQueue*>(context);
    if (output_queue.closed.load(std::memory_order_acquire)) return tell_late(output_queue);
    constexpr std::size_t most = 256;  // limited, because the batch is on the stack
    Completion batch[most];
    std::size_t filled = 0;
    std::uint64_t early = 0;
    // Counts before pushing, so that whoever sees a message settled also sees its outputs counted as sent.
    const auto hand_over = [&] {
        output_queue.sent.fetch_add(filled, std::memory_order_relaxed);
        output_queue.up.store(true, std::memory_order_relaxed);
        output_queue.completions->push(batch, filled);
        filled = 0;
    };
    for (std::uint32_t i = 0; i < count; ++i) {
        const volley_report& report = element(reports, stride, i);
        if (report.status == VOLLEY_OK && take_early(output_queue, report)) {
            ++early;
            continue;
        }
        const Completion c = completion_of(output_queue, report.token, report.status);
        if (report.status == VOLLEY_OK) {
            batch[filled++] = c;
            if (filled == most) hand_over();
        } else {
            output_queue.failed.fetch_add(1, std::memory_order_relaxed);
            output_queue.last_error.set(text_of(report.text));
            output_queue.completions->push(c, text_of(report.text));
        }
    }
    if (filled > 0) hand_over();
    if (early > 0) {
        output_queue.sent.fetch_add(early, std::memory_order_relaxed);
        output_queue.up.store(true, std::memory_order_relaxed);
    }
}

void produce(OutputQueue& output_queue, const volley_record* records, std::size_t count,
             const std::atomic<bool>& give_up, EarlyReports early) {
    using namespace std::chrono_literals;
    output_queue.handed.fetch_add(count, std::memory_order_relaxed);
    Call call{&output_queue, records, records + count, early};
    const CallScope scope(call);
    auto pause = 1ms;
    while (count > 0) {
        if (give_up.load()) {
            return report_failed(output_queue, records, count,
                                 Error(ErrorCode::retry, "given up while stopping"));
        }
        std::uint32_t accepted = 0;
        Result<std::int32_t> result = [&] {
            const auto turn = take_turn(output_queue);
            return output_queue.producer->produce(records, static_cast<std::uint32_t>(count), accepted);
        }();
        records += accepted;
        count -= accepted;
        if (!result) {
            output_queue.last_error.set(result.error().text);
            output_queue.up.store(false, std::memory_order_relaxed);
            if (result.error().code == ErrorCode::fatal)
                return report_broken(output_queue, records, count, result.error());
            return report_failed(output_queue, records, count, result.error());
        }
        if (count == 0) return;
        // VOLLEY_AGAIN (no room) is back-pressure, not a failure. Wait for the store: in poll, or by
        // sleeping.
        if (accepted > 0) pause = 1ms;
        if (output_queue.producer->has_poll()) {
            const auto polled = [&] {
                const auto turn = take_turn(output_queue);
                return output_queue.producer->poll(10);
            }();
            if (!polled && !is_passing(polled.error().code))
                return report_broken(output_queue, records, count, polled.error());
            if (!polled) sleep_for(pause);
        } else {
            sleep_for(pause);
            pause = std::min(pause * 2, 20ms);
        }
    }
}

std::optional<Error> serve(OutputQueue& output_queue, bool draining, delivery::Instant now) {
    constexpr delivery::Millis flush_after{20};
    const std::uint64_t reported = output_queue.reported();
    if (reported != output_queue.last_reported || !needs_calls(output_queue)) {
        output_queue.last_reported = reported;
        output_queue.last_report = now;
        if (!needs_calls(output_queue)) return std::nullopt;
    }
    std::unique_lock turn(output_queue.turn, std::defer_lock);
    if (!output_queue.can(VOLLEY_THREAD_SAFE) && !turn.try_lock()) return std::nullopt;
    if (auto polled = output_queue.producer->poll(0); !polled && !is_passing(polled.error().code))
        return polled.error();
    if (!output_queue.producer->has_flush() || (!draining && now - output_queue.last_report < flush_after))
        return std::nullopt;
    output_queue.last_report = now;
    if (auto flushed = output_queue.producer->flush(0); !flushed && !is_passing(flushed.error().code))
        return flushed.error();
    return std::nullopt;
}

void close(OutputQueue& output_queue, std::uint32_t timeout_ms) {
    if (!output_queue.open) return;
    output_queue.open = false;
    const auto turn = take_turn(output_queue);
    if (auto result = output_queue.producer->close(timeout_ms); !result) {
        log::warning(result.error().text, {{"queue", output_queue.queue}, {"doing", "closing the producer"}});
    }
    output_queue.closed.store(true, std::memory_order_release);
    const std::uint64_t reported = output_queue.reported(),
                        handed = output_queue.handed.load(std::memory_order_relaxed);
    if (handed > reported) {
        log::error("close returned before every record was reported; their messages are released",
                   {{"queue", output_queue.queue},
                    {"plugin", output_queue.label},
                    {"count", std::to_string(handed - reported)}});
    }
}

}  // namespace volley::runtime
