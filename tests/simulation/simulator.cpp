#include "simulator.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "configuration.hpp"
#include "consumer.hpp"
#include "producer.hpp"

namespace simulation {

namespace {

using volley::Milliseconds;
using volley::OnFail;

constexpr std::uint64_t steps_with_faults = 4000;
constexpr std::uint64_t most_steps_to_end = 200'000;
constexpr std::uint64_t most_steps_to_heal = 600'000;

}  // namespace

Simulator::Simulator(std::uint64_t seed)
    : seed_(seed), random_(seed), fibers_(random_), world_(random_, fibers_) {
    volley::runtime::use_schedule(&fibers_.schedule());
}

Simulator::~Simulator() {
    if (engine_) end_process(true);
    if (!file_.empty()) unlink(file_.c_str());
    volley::runtime::use_schedule(nullptr);
    current_process = nullptr;
}

// In a file, so that it can be reloaded.
void Simulator::write_file() {
    file_ = std::filesystem::temp_directory_path() / ("volley-simulate." + std::to_string(getpid()) + ".yml");
    std::ofstream out(file_);
    out << yaml_of(configuration_of(world_.scenario, shutdown_timeout_));
}

void Simulator::boot() {
    world_.trace(world_.traced, "---- a process starts");
    // An outage goes on, and the breaker is new.
    world_.outage_began_ms = fibers_.now_ms();
    world_.given_up_in_outage = world_.reloads_in_outage = 0;
    process_ = std::make_unique<Process>(world_);
    current_process = process_.get();
    for (Message& m : world_.messages) {
        if (m.taken_by == 0) continue;
        // Of a store without leases: it sees that the connection is gone.
        m.taken_by = 0;
        m.visible_at_ms = fibers_.now_ms() + (world_.healing ? 0 : world_.scenario.lease_ms / 4);
    }
    shutdown_timeout_ = Milliseconds(!world_.scenario.calm && chance(random_, 0.2) ? below(random_, 500) + 1
                                                                                   : std::uint64_t{30'000});
    volley::EngineOptions options;
    options.tracing = false;  // its time is not the time of a collector
    if (world_.scenario.reloads) {
        write_file();
        options.file = file_;
    } else {
        options.config = configuration_of(world_.scenario, shutdown_timeout_);
    }
    options.plugins["sim"] = plugin();
    options.log = false;
    auto made = volley::Engine::make(std::move(options));
    if (!made) return world_.fault("the engine cannot be made: " + made.error().text);
    engine_ = std::move(*made);
    exit_code_ = -1;
    engine_fiber_ = fibers_.start("engine", [this] { exit_code_ = engine_->run(); });
}

// One of what can go on goes on.
void Simulator::run_something() {
    fibers_.advance(Nanoseconds(below(random_, chance(random_, 0.01) ? 60'000'000 : 100'000)));
    if (chance(random_, 0.15)) process_->step();
    if (fibers_.run_one()) return;
    if (chance(random_, 0.5)) process_->step();
    fibers_.advance_to_next(fibers_.now() + std::chrono::seconds(1));
}

// Something changes that replaces the component, or nothing does.
void Simulator::reload() {
    ++summary_.reloads;
    world_.trace(world_.traced, "---- a reload");
    if (chance(random_, 0.8)) world_.scenario.component.handler_timeout += Milliseconds(1);
    write_file();
    // What is left is tried at once, as at a stop.
    process_->reloads = true;
    ++world_.reloads_in_outage;
    engine_->reload();
}

void Simulator::disturb() {
    const bool log = world_.scenario.log;
    if (world_.scenario.reloads && chance(random_, 0.3)) return reload();
    switch (below(random_, 8)) {
        case 0:
        case 1:
            return crash();
        case 2:
        case 3:
            ++summary_.rebalances;
            return log ? ask_for_rebalance(*process_, chance(random_, 0.5)) : expire_lease(*process_);
        case 4:
            if (log) world_.recreate(static_cast<int>(below(random_, world_.partitions.size())));
            return;
        case 5:
            return begin_outage();
        default:
            return stop();
    }
}

void Simulator::step() {
    ++summary_.steps;
    if (world_.injects_failure(0.02)) disturb();
    if (world_.scenario.calm && world_.fails(0.001)) stop();
    if (world_.broken) return;
    run_something();
    if (!fibers_.has_ended(engine_fiber_)) return;
    // It has ended by itself: somebody has mended the cause, and starts it again.
    end_process(false);
    if (!world_.broken) boot();
}

void Simulator::drive_to_end(const char* what) {
    for (std::uint64_t n = 0; !fibers_.has_ended(engine_fiber_) && !world_.broken; ++n) {
        ++summary_.steps;
        run_something();
        if (n == most_steps_to_end) world_.fault(std::string(what) + " does not end: " + fibers_.describe());
    }
}

void Simulator::end_process(bool crashed) {
    if (!fibers_.has_ended(engine_fiber_)) {
        // A promise is broken, or this is the end of a crash.
        process_->crashed = true;
        engine_->stop();
        for (std::uint64_t n = 0; !fibers_.has_ended(engine_fiber_) && n < most_steps_to_end; ++n)
            run_something();
        if (!fibers_.has_ended(engine_fiber_)) {
            std::fprintf(stderr, "seed %llu: the engine does not end: %s\n",
                         static_cast<unsigned long long>(seed_), fibers_.describe().c_str());
            std::_Exit(2);
        }
    }
    if (!crashed) {
        const bool by_breach = world_.hostility.is_done && exit_code_ == 70;
        summary_.has_ended = summary_.has_ended || by_breach;
        if (by_breach) summary_.text = engine_->status().front().why_not_ready;
        const bool expected = by_breach || exit_code_ == 0 ||
                              (exit_code_ == 65 && world_.scenario.may_stop()) ||
                              (!world_.scenario.calm && (exit_code_ == 75 || exit_code_ == 69));
        if (!expected) world_.fault("exit code " + std::to_string(exit_code_));
        for (const auto& [handle, d] : process_->deliveries) {
            // A component that a reload has replaced may have run out of time while its store refused to
            // settle.
            const bool may_be_of_replaced = process_->reloads && d.asked;
            if (exit_code_ == 0 && process_->posted.empty() && !may_be_of_replaced)
                world_.fault("message " + std::to_string(d.message) + " is left open by a clean stop");
        }
    }
    // A handler that kept a message past the end of the stop. A process would exit now.
    const bool hung = engine_->hung();
    process_->crashed = true;
    while (!process_->jobs.empty()) process_->finish_job(0);
    for (std::uint64_t n = 0; hung && fibers_.clean_up() > 0 && n < most_steps_to_end; ++n) run_something();
    engine_.reset();
    current_process = nullptr;
    process_.reset();
    if (fibers_.clean_up() > 0) world_.fault("threads are left behind: " + fibers_.describe());
}

void Simulator::crash() {
    ++summary_.crashes;
    process_->crashed = true;
    while (!process_->jobs.empty()) process_->finish_job(0);
    for (std::size_t i = 0; i < process_->producers.size(); ++i) {
        while (process_->producers[i]->has_pending()) process_->producers[i]->report_one();
    }
    end_process(true);
    boot();
}

void Simulator::stop() {
    ++summary_.stops;
    ++process_->draining;
    engine_->stop();
    drive_to_end("a stop");
    if (world_.broken) return;
    end_process(false);
    if (!world_.broken) boot();
}

// Everything fails for a while, as when what the handlers need is down.
void Simulator::begin_outage() {
    if (world_.is_outage()) return;
    world_.given_up_in_outage = world_.reloads_in_outage = 0;
    world_.outage_began_ms = fibers_.now_ms();
    world_.outage_ends_ms = fibers_.now_ms() + 500 + static_cast<std::int64_t>(below(random_, 5000));
}

void Simulator::check_always() {
    const auto& c = world_.scenario.component;
    if (process_ && process_->deliveries.size() > c.max_in_flight + 16U)
        world_.fault("more messages are open than max_in_flight");
    if (summary_.steps % 64 != 0 || !engine_) return;
    for (const volley::ComponentStatus& s : engine_->status()) {
        if (s.received != s.done + s.dead + s.dropped + s.requeued + s.released + s.in_flight)
            world_.fault("the audit does not add up");
        if (s.in_flight > c.max_in_flight) world_.fault("more in flight than max_in_flight");
    }
}

// No more faults: everything must come through.
void Simulator::heal() {
    world_.healing = true;
    world_.outage_ends_ms = -1;
    for (Message& m : world_.messages) {
        if (!m.poison) m.failures_left = 0;
    }
    const std::uint64_t limit = summary_.steps + most_steps_to_heal;
    while (!world_.broken && summary_.steps < limit && !world_.everything_is_safe()) {
        step();
        check_always();
    }
    if (!world_.broken && !world_.everything_is_safe())
        world_.fault("stuck: " + world_.describe_unsafe() + " did not come through; " + fibers_.describe());
    if (!world_.broken) stop();
}

Summary Simulator::run_hostile(Breach breach, int traced) {
    world_.traced = traced;
    world_.hostility.breach = breach;
    world_.hostility.occasions_left = below(random_, 10);
    world_.make(seed_);
    summary_.scenario = world_.scenario.name() + ", " + rule_of(breach).name;
    boot();
    const bool at_end = breach == Breach::close_unknown_status || breach == Breach::close_throws ||
                        breach == Breach::reports_in_destroy || breach == Breach::open_unknown_status;
    if (at_end) world_.hostility.occasions_left = below(random_, 2);
    while (!world_.broken && summary_.steps < steps_with_faults && !world_.hostility.is_done) {
        ++summary_.steps;
        if (at_end && chance(random_, 0.01)) stop();
        if (world_.broken || world_.hostility.is_done) break;
        run_something();
        check_always();
        if (!fibers_.has_ended(engine_fiber_) || world_.hostility.is_done) continue;
        end_process(false);
        if (!world_.broken) boot();
    }
    summary_.is_breached = world_.hostility.is_done;
    // What has begun is carried through first, however slowly.
    const std::uint64_t limit = summary_.steps + 10 * steps_with_faults;
    while (!world_.broken && summary_.steps < limit && !fibers_.has_ended(engine_fiber_)) {
        ++summary_.steps;
        run_something();
    }
    if (summary_.is_breached && !world_.broken && fibers_.has_ended(engine_fiber_) && exit_code_ == 70) {
        summary_.has_ended = true;
        summary_.text = engine_->status().front().why_not_ready;
    }
    const Expectation expected = rule_of(breach).expectation;
    if (summary_.is_breached && !world_.broken) {
        if (expected == Expectation::ends && !summary_.has_ended)
            world_.fault("the component goes on, or ends with exit code " + std::to_string(exit_code_));
        if (expected == Expectation::goes_on && summary_.has_ended)
            world_.fault("the component ends: " + summary_.text);
    }
    world_.hostility.breach = Breach::none;
    if (!world_.broken && fibers_.has_ended(engine_fiber_)) {
        end_process(true);
        boot();
    }
    finish();
    return summary_;
}

Summary Simulator::run(int traced) {
    world_.traced = traced;
    world_.make(seed_);
    summary_.scenario = world_.scenario.name() + " messages=" + std::to_string(world_.messages.size());
    boot();
    while (!world_.broken && summary_.steps < steps_with_faults) {
        step();
        check_always();
    }
    finish();
    return summary_;
}

void Simulator::finish() {
    if (!world_.broken) heal();
    for (const Message& m : world_.messages) {
        for (const int copies : m.stored)
            summary_.duplicates += copies > 1 ? static_cast<std::uint64_t>(copies - 1) : 0;
    }
    if (world_.scenario.calm && summary_.duplicates > 0) world_.fault("a clean stop duplicates");
    if (world_.scenario.transactions && summary_.duplicates > 0) world_.fault("a transaction duplicates");
    if (world_.broken) summary_.broken = *world_.broken + " (step " + std::to_string(summary_.steps) + ")";
}

}  // namespace simulation
