#include <chrono>

#include "config/bind.hpp"
#include "config/diagnostics.hpp"
#include "interrupt.hpp"
#include "message_maker.hpp"
#include "pace.hpp"
#include "queue_access.hpp"
#include "queues.hpp"
#include "queues/outbox.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

// What became of the messages.
struct Tally {
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;
    std::uint64_t refused = 0;  // by the queue's own rules about bodies
    std::string first_failure;
};

std::optional<Error> flush(queues::Outbox& outbox, Tally& tally) {
    auto outcomes = outbox.flush();
    if (!outcomes) return outcomes.error();
    for (const auto& failure : *outcomes) {
        ++(failure ? tally.failed : tally.sent);
        if (failure && tally.first_failure.empty()) tally.first_failure = failure->text;
    }
    return std::nullopt;
}

}  // namespace

int send(const Config& config, plugins::Catalog& catalog, const Send& options) {
    const QueueConfig* queue = require_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    auto maker = MessageMaker::make(config, catalog, *queue, options);
    if (!maker) return report(maker.error());
    auto outbox = queues::Outbox::open(config, catalog, *queue);
    if (!outbox) return report(outbox.error());

    const auto delay =
        options.delay.empty() ? std::chrono::milliseconds(0) : config::parse_duration(options.delay);
    if (!delay) {
        say("--delay: " + config::in_quotes(options.delay) + " is no duration such as 30s");
        return exit_usage;
    }
    if (delay->count() > 0 && !outbox->can_delay())
        return report(
            Error(ErrorCode::unsupported, "queue \"" + queue->name + "\": its connector has no delays"));

    note_interrupts(options.file == "-");
    const auto begin = std::chrono::steady_clock::now();
    Pace pace(options.rate, 0);
    Tally tally;
    std::optional<Error> error;
    queues::Outgoing outgoing;
    std::uint64_t given = 0;
    const bool readable = for_each_body(options, [&](const std::string& body, std::uint64_t line) {
        if (const auto failure = maker->message(body, outgoing)) {
            say((options.file.empty() ? "message " : options.file + ":") + std::to_string(line) + ": " +
                *failure);
            ++tally.refused;
            return true;
        }
        const auto due = pace.due(given++);
        if (due > std::chrono::steady_clock::now()) {
            if (!outbox->is_empty()) error = flush(*outbox, tally);
            if (error || wait_until(due)) return false;
        }
        outgoing.delay_ms = static_cast<std::uint64_t>(delay->count());
        outbox->add(outgoing);
        if (outbox->is_full()) {
            error = flush(*outbox, tally);
            pace.show(tally.sent);
        }
        return !error && !is_interrupted();
    });
    if (!error && !outbox->is_empty()) error = flush(*outbox, tally);
    if (error) return report(*error);
    pace.erase();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fprintf(stderr, "%llu sent to %s in %.2f s\n", static_cast<unsigned long long>(tally.sent),
                 queue->name.c_str(), seconds);
    if (tally.failed > 0) {
        say(std::to_string(tally.failed) + " failed: " + tally.first_failure);
        return exit_some_failed;
    }
    if (!readable) {
        say("cannot read " + options.file);
        return exit_usage;
    }
    if (is_interrupted()) return exit_interrupted;
    return tally.refused > 0 ? exit_data : exit_ok;
}

}  // namespace volley::cli
