#include "runtime/opening.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/schedule.hpp"
#include "runtime/store_backoff.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis outage_log_period{60'000};

class Opening {
public:
    Opening(IntakeContext& context, Settling& settling, PartitionListener& listener,
            StatusPublisher& publisher)
        : context_(context), settling_(settling), listener_(listener), publisher_(publisher) {}

    bool open();

private:
    template <typename Open>
    bool open_until(const char* what, const std::string& queue, delivery::Instant deadline, Open&& open_it);
    bool open_journal();
    bool start_workers(delivery::Instant deadline);

    IntakeContext& context_;
    Settling& settling_;
    PartitionListener& listener_;
    StatusPublisher& publisher_;
    StoreBackoff backoff_;
};

// Retries until it succeeds, a stop is requested or the deadline passes.
template <typename Open>
bool Opening::open_until(const char* what, const std::string& queue, delivery::Instant deadline,
                         Open&& open_it) {
    delivery::Instant last_log = delivery::Instant(0);
    for (std::uint32_t tries = 0; !context_.status.stop_requested.load(std::memory_order_acquire); ++tries) {
        const Result<void> opened = open_it();
        publisher_.set_opening({});
        if (opened) return true;
        const Error& error = opened.error();
        if (error.code != ErrorCode::retry && error.code != ErrorCode::unknown) {
            context_.fail(error);
            return false;
        }
        context_.now = now();
        if (context_.now >= deadline) {
            context_.fail(
                Error(ErrorCode::retry,
                      "queue \"" + queue + "\" could not be opened within startup_timeout: " + error.text));
            return false;
        }
        if (tries == 0 || context_.now - last_log >= outage_log_period) {
            last_log = context_.now;
            log::warning(
                what,
                {{"component", context_.pipeline.config.name}, {"queue", queue}, {"cause", error.text}});
        }
        publisher_.set_opening("the queue \"" + queue + "\" cannot be opened: " + error.text);
        publisher_.publish();
        context_.pipeline.completions.wait_for(std::min(backoff_.after(tries + 1), deadline - context_.now));
    }
    return false;
}

bool Opening::open() {
    const delivery::Instant deadline = now() + context_.options.startup_timeout;
    const auto open_output_queue = [&](OutputQueue& output_queue) {
        output_queue.open = open_until("an output cannot be opened; waiting for it", output_queue.queue,
                                       deadline, [&] { return output_queue.producer->open(); });
        return output_queue.open;
    };
    for (const auto& output_queue : context_.pipeline.output_queues) {
        if (!open_output_queue(*output_queue)) return false;
    }
    if (context_.pipeline.dead_letters && !open_output_queue(*context_.pipeline.dead_letters)) return false;
    listener_.attach();
    settling_.attach();
    if (!open_until("the input cannot be opened; waiting for it", context_.pipeline.input.name, deadline,
                    [this] { return context_.input.open(); })) {
        return false;
    }
    if (!open_journal()) return false;
    settling_.transactor().find();
    if (!start_workers(deadline)) return false;
    context_.fetcher.set_up(true);
    context_.status.opened.store(true, std::memory_order_release);
    publisher_.publish();
    log::info("component is ready",
              {{"component", context_.pipeline.config.name},
               {"input", context_.pipeline.input.name + " (" + context_.pipeline.connector + ")"},
               {"handler", context_.pipeline.handler_label},
               {"workers", std::to_string(context_.workers.size())}});
    return true;
}

bool Opening::open_journal() {
    if (!context_.pipeline.in_process) return true;
    const std::string directory = journal_directory(context_.pipeline.state_dir);
    if (directory.empty()) {
        log::warning(
            "no crash journal: a message that kills the process is tried again for ever; give state_dir",
            {{"component", context_.pipeline.config.name}});
        return true;
    }
    const std::string name =
        journal_file(context_.pipeline.app, context_.pipeline.config.name, context_.pipeline.config_file);
    auto journal = CrashJournal::open(directory, name, context_.pipeline.config.workers);
    if (!journal && journal.error().code == ErrorCode::retry) {
        log::warning(
            "no crash journal: a message that kills the process is retried without end; free some space and "
            "restart",
            {{"component", context_.pipeline.config.name}, {"cause", journal.error().text}});
        return true;
    }
    if (!journal) {
        context_.fail(journal.error());
        return false;
    }
    context_.pipeline.journal = std::move(*journal);
    if (context_.pipeline.journal->found() > 0) {
        log::warning("messages were at work when the last process died; each of them runs alone now",
                     {{"component", context_.pipeline.config.name},
                      {"count", std::to_string(context_.pipeline.journal->found())}});
    }
    return true;
}

bool Opening::start_workers(delivery::Instant deadline) {
    if (auto started = context_.workers.start(); !started) {
        context_.fail(started.error());
        return false;
    }
    while (!context_.workers.is_ready()) {
        context_.pipeline.completions.wait_for(delivery::Millis(100));
        context_.now = now();
        settling_.take_reports();
        if (context_.status.has_failed()) return false;
        publisher_.publish();
        if (context_.status.stop_requested.load(std::memory_order_acquire)) return false;
        if (context_.now >= deadline) {
            const std::string cause = context_.workers.handler_problem();
            context_.fail(Error(ErrorCode::retry, "handler " + context_.pipeline.handler_label +
                                                      " did not open within startup_timeout" +
                                                      (cause.empty() ? "" : ": " + cause)));
            return false;
        }
    }
    return true;
}

}  // namespace

bool open_all(IntakeContext& context, Settling& settling, PartitionListener& listener,
              StatusPublisher& publisher) {
    return Opening(context, settling, listener, publisher).open();
}

}  // namespace volley::runtime
