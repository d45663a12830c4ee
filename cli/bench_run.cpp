#include "bench_run.hpp"

#include <algorithm>

#include "interrupt.hpp"

namespace volley::cli {

namespace {

constexpr std::chrono::milliseconds look_every{100};
constexpr std::uint64_t looks_per_use = 5;         // memory is looked at less often
constexpr std::chrono::seconds longest_pause{30};  // without a settlement

double unix_now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

BenchRun::BenchRun(const Bench& options, std::chrono::milliseconds duration, const BenchEngine& engine,
                   const std::string& component, MessageMaker maker, queues::Outbox outbox)
    : options_(options),
      duration_(duration),
      engine_(engine),
      component_(component),
      maker_(std::move(maker)),
      outbox_(std::move(outbox)) {}

BenchOutcome BenchRun::run(const std::vector<std::string>& bodies) {
    if (!begin()) return std::move(outcome_);
    send_all(bodies);
    outcome_.sending_seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    await_settlements();
    end();
    pace_->erase();
    return std::move(outcome_);
}

bool BenchRun::begin() {
    const auto figures = engine_.figures(component_);
    const auto latencies = engine_.latencies(component_);
    const auto use = engine_.use();
    if (!figures) return fail(figures.error());
    if (!latencies) return fail(latencies.error());
    if (!use) return fail(use.error());
    outcome_.before = outcome_.after = *figures;
    latencies_before_ = *latencies;
    cpu_before_ = use->cpu_seconds;
    outcome_.resident_bytes = use->resident_bytes;
    began_at_ = unix_now();
    began_ = looked_ = progressed_ = Clock::now();
    pace_.emplace(options_.load.rate, options_.load.count);
    return true;
}

void BenchRun::send_all(const std::vector<std::string>& bodies) {
    const auto end = duration_.count() > 0 ? began_ + duration_ : Clock::time_point::max();
    const std::uint64_t most = options_.load.count;
    for (std::uint64_t given = 0; most == 0 || given < most; ++given) {
        const auto due = pace_->due(given);
        if (due >= end || is_interrupted()) break;
        if (due > Clock::now()) {
            if (!flush()) return;
            while (Clock::now() < due && !wait_until(std::min(due, looked_ + look_every)))
                if (!look_if_due()) return;
        }
        // As fast as it goes, but not much faster than the engine: a backlog would be all that is measured.
        while (options_.load.rate == 0 && outcome_.sent >= outcome_.settled() + options_.ahead &&
               Clock::now() < end && !is_interrupted()) {
            if (!flush() || !look_if_due() || is_stuck()) return;
            wait_until(std::min(end, Clock::now() + look_every / 5));
        }
        if (Clock::now() >= end || is_interrupted()) break;
        if (!send(bodies[given % bodies.size()])) return;
    }
    flush();
}

bool BenchRun::send(const std::string& body) {
    queues::Outgoing outgoing;
    if (const auto wrong = maker_.message(body, outgoing)) {
        ++outcome_.refused;
        if (outcome_.first_refusal.empty()) outcome_.first_refusal = *wrong;
        // What is wrong with the first one is so with all, or the file has a mistake: nothing to measure.
        return fail(Error(ErrorCode::permanent, "a message cannot be sent: " + *wrong));
    }
    outbox_.add(outgoing);
    return (!outbox_.is_full() || flush()) && look_if_due();
}

bool BenchRun::flush() {
    if (outbox_.is_empty()) return true;
    const auto outcomes = outbox_.flush();
    if (!outcomes) return fail(outcomes.error());
    for (const auto& refusal : *outcomes) {
        ++(refusal ? outcome_.refused : outcome_.sent);
        if (refusal && outcome_.first_refusal.empty()) outcome_.first_refusal = refusal->text;
    }
    pace_->show(outcome_.sent);
    return true;
}

void BenchRun::await_settlements() {
    if (!outcome_.error) look();
    while (!outcome_.error && outcome_.settled() < outcome_.sent && !is_stuck() && !is_interrupted()) {
        if (!wait_until(Clock::now() + look_every / 2)) look();
    }
    outcome_.was_interrupted = is_interrupted();
}

bool BenchRun::is_stuck() {
    if (Clock::now() - progressed_ < longest_pause) return false;
    outcome_.stuck = outcome_.after.why.empty() ? "nothing was settled for 30 s" : outcome_.after.why;
    return true;
}

bool BenchRun::look_if_due() { return Clock::now() - looked_ < look_every || look(); }

bool BenchRun::look() {
    looked_ = Clock::now();
    const auto figures = engine_.figures(component_);
    if (!figures) return fail(figures.error());
    if (figures->received < outcome_.after.received)
        return fail(Error(ErrorCode::retry, "the component was restarted in the middle of the run"));
    if (figures->settled() != outcome_.after.settled() || outcome_.settled() == outcome_.sent)
        progressed_ = looked_;
    outcome_.after = *figures;
    if (++looks_ % looks_per_use != 0) return true;
    if (const auto use = engine_.use())
        outcome_.resident_bytes = std::max(outcome_.resident_bytes, use->resident_bytes);
    return true;
}

void BenchRun::end() {
    if (outcome_.error) return;
    const auto use = engine_.use();
    const auto latencies = engine_.latencies(component_);
    if (use) {
        outcome_.cpu_seconds = use->cpu_seconds - cpu_before_;
        outcome_.resident_bytes = std::max(outcome_.resident_bytes, use->resident_bytes);
    }
    if (latencies) outcome_.latencies = latencies->since(latencies_before_);
    outcome_.seconds = std::max(outcome_.after.last_success_at - began_at_, 0.001);
}

bool BenchRun::fail(Error error) {
    if (!outcome_.error) outcome_.error = std::move(error);
    return false;
}

}  // namespace volley::cli
