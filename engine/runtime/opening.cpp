// Before the loop: opens everything, outputs first and the input last, so that no message arrives before its
// outputs can be sent. If a store is down at the start, the component waits for it.
#include <algorithm>

#include "log/log.hpp"
#include "runtime/call_status.hpp"
#include "runtime/intake.hpp"
#include "runtime/schedule.hpp"

namespace volley::runtime {

namespace {

constexpr delivery::Millis outage_log_period{60'000};

}  // namespace

// Retries until it succeeds, a stop is requested or the deadline passes.
template <typename Open>
bool Intake::open_until(const char* what, const std::string& queue, delivery::Instant deadline,
                        Open&& open_it) {
    delivery::Instant last_log = delivery::Instant(0);
    for (std::uint32_t tries = 0; !status_.stop_requested.load(std::memory_order_acquire); ++tries) {
        const Result<void> opened = open_it();
        opening_.clear();
        if (opened) return true;
        const Error& error = opened.error();
        if (error.code != ErrorCode::retry && error.code != ErrorCode::unknown) {
            fail(error);
            return false;
        }
        now_ = now();
        if (now_ >= deadline) {
            fail(Error(ErrorCode::retry,
                       "queue \"" + queue + "\" could not be opened within startup_timeout: " + error.text));
            return false;
        }
        if (tries == 0 || now_ - last_log >= outage_log_period) {
            last_log = now_;
            log::warning(what,
                         {{"component", pipeline_.config.name}, {"queue", queue}, {"cause", error.text}});
        }
        opening_ = "the queue \"" + queue + "\" cannot be opened: " + error.text;
        publish();
        pipeline_.completions.wait_for(std::min(backoff_.after(tries + 1), deadline - now_));
    }
    return false;
}

bool Intake::open() {
    const delivery::Instant deadline = now() + options_.startup_timeout;
    const auto open_output_queue = [&](OutputQueue& output_queue) {
        output_queue.open = open_until("an output cannot be opened; waiting for it", output_queue.queue,
                                       deadline, [&] { return output_queue.producer->open(); });
        return output_queue.open;
    };
    for (const auto& output_queue : pipeline_.output_queues) {
        if (!open_output_queue(*output_queue)) return false;
    }
    if (pipeline_.dead_letters && !open_output_queue(*pipeline_.dead_letters)) return false;
    listen();
    if (!open_until("the input cannot be opened; waiting for it", pipeline_.input.name, deadline,
                    [this] { return input_.open(); })) {
        return false;
    }
    if (!open_journal()) return false;
    transactor_.find();
    if (!start_workers(deadline)) return false;
    fetcher_.set_up(true);
    status_.opened.store(true, std::memory_order_release);
    publish();
    log::info("component is ready", {{"component", pipeline_.config.name},
                                     {"input", pipeline_.input.name + " (" + pipeline_.connector + ")"},
                                     {"handler", pipeline_.handler_label},
                                     {"workers", std::to_string(workers_.size())}});
    return true;
}

void Intake::listen() {
    events_.struct_size = sizeof events_;
    events_.context = this;
    events_.assigned = [](void* self, const volley_partition* p, std::uint32_t count, std::uint32_t stride) {
        static_cast<Intake*>(self)->assigned(p, count, stride);
    };
    events_.revoked = [](void* self, const volley_partition* p, std::uint32_t count, std::uint32_t stride,
                         std::int32_t lost) {
        static_cast<Intake*>(self)->revoked(p, count, stride, lost != 0);
    };
    input_.attach(events_);
    leases_.attach(input_.consumer());
    if (!input_.has_partitions()) assignments_.use_one_lane();
}

bool Intake::open_journal() {
    if (!pipeline_.in_process) return true;
    const std::string directory = journal_directory(pipeline_.state_dir);
    if (directory.empty()) {
        log::warning(
            "no crash journal: a message that kills the process is tried again for ever; give state_dir",
            {{"component", pipeline_.config.name}});
        return true;
    }
    const std::string name = journal_file(pipeline_.app, pipeline_.config.name, pipeline_.config_file);
    auto journal = CrashJournal::open(directory, name, pipeline_.config.workers);
    if (!journal && journal.error().code == ErrorCode::retry) {
        log::warning(
            "no crash journal: a message that kills the process is retried without end; free some space and "
            "restart",
            {{"component", pipeline_.config.name}, {"cause", journal.error().text}});
        return true;
    }
    if (!journal) {
        fail(journal.error());
        return false;
    }
    pipeline_.journal = std::move(*journal);
    if (pipeline_.journal->found() > 0) {
        log::warning(
            "messages were at work when the last process died; each of them runs alone now",
            {{"component", pipeline_.config.name}, {"count", std::to_string(pipeline_.journal->found())}});
    }
    return true;
}

bool Intake::start_workers(delivery::Instant deadline) {
    if (auto started = workers_.start(); !started) {
        fail(started.error());
        return false;
    }
    while (!workers_.is_ready()) {
        pipeline_.completions.wait_for(delivery::Millis(100));
        now_ = now();
        take_reports();
        if (status_.has_failed()) return false;
        publish();
        if (status_.stop_requested.load(std::memory_order_acquire)) return false;
        if (now_ >= deadline) {
            const std::string cause = workers_.handler_problem();
            fail(Error(ErrorCode::retry, "handler " + pipeline_.handler_label +
                                             " did not open within startup_timeout" +
                                             (cause.empty() ? "" : ": " + cause)));
            return false;
        }
    }
    return true;
}

}  // namespace volley::runtime
