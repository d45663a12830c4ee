// Checks of a consumer or a producer alone, with a store.
#include <thread>

#include "plugin_check/consumer_rig.hpp"
#include "plugin_check/producer_rig.hpp"
#include "plugin_check/samples.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

void need_no_messages(ConsumerRig& rig) {
    rig.empty_queue();
    if (rig.reached_end()) inapplicable("the source is at its end");
}

Verdict empty_queue(const Setting& setting, const Setting&) {
    ConsumerRig rig(setting);
    rig.start();
    need_no_messages(rig);
    for (const std::uint32_t timeout_ms : {0u, 1u, 100u, 300u}) rig.consume(10, timeout_ms);
    if (rig.life().table().poll != nullptr) {
        const Outcome polled = call(rig.life().name("poll"), {VOLLEY_OK}, [&](volley_error* error) {
            return rig.life().table().poll(rig.life().get(), 100, error);
        });
        require(polled.ok(), "poll returned " + polled.words(), "nothing to serve is VOLLEY_OK");
    }
    rig.end();
    return conformance::passed();
}

// Consumes with a long timeout, while another thread interrupts. Returns how long that took.
Clock::duration interrupted_consume(ConsumerRig& rig, bool before) {
    constexpr std::uint32_t timeout_ms = 7'000;
    const auto interrupt = [&] {
        call_void(rig.life().name("interrupt"), [&] { rig.life().table().interrupt(rig.life().get()); });
    };
    const auto begin = Clock::now();
    if (before) {
        interrupt();
        rig.consume(10, timeout_ms);
        return Clock::now() - begin;
    }
    std::thread other([&] {
        std::this_thread::sleep_for(200ms);  // by then consume most likely waits; either way it must return
        interrupt();
    });
    rig.consume(10, timeout_ms);
    other.join();
    return Clock::now() - begin;
}

Verdict interrupt(const Setting& setting, const Setting&) {
    ConsumerRig rig(setting);
    rig.start();
    if (rig.life().table().interrupt == nullptr) inapplicable("it has no interrupt");
    need_no_messages(rig);
    for (const bool before : {false, true, false})
        require(interrupted_consume(rig, before) < 5s,
                std::string("consume did not return within 5 s of an interrupt ") +
                    (before ? "before it" : "by another thread"),
                "interrupt makes a consume that waits return now, or the next one at once");
    rig.end();
    return conformance::passed();
}

Verdict reports(const Setting& setting, const Setting&) {
    ProducerRig rig(setting);
    rig.start();
    std::uint32_t accepted = 0;
    const Outcome none = rig.offer({}, accepted);
    require(none.status >= 0, "produce returned " + none.words() + " for no records",
            "0 records are VOLLEY_OK");
    rig.store(plain_messages(1));
    rig.store(plain_messages(1000));
    const Outcome flushed = rig.flush(1000);
    require(flushed.ok(), "flush returned " + flushed.words() + " when no reports are due",
            "return VOLLEY_OK");
    rig.end();
    return conformance::passed();
}

Verdict close_reports(const Setting& setting, const Setting&) {
    ProducerRig rig(setting);
    rig.start();
    rig.produce(plain_messages(300));
    rig.end();
    std::this_thread::sleep_for(200ms);  // a forgotten thread of the plugin may report now
    return conformance::passed();
}

// What a producer does with a record that its store cannot take is a report, not an error of the call.
Verdict odd_records(const Setting& setting, const Setting&) {
    ProducerRig rig(setting);
    rig.start();
    std::vector<Content> contents;
    for (const Sample& sample : odd_messages(~std::uint64_t{0})) contents.push_back(sample.content);
    contents.push_back({std::string(8 << 20, 'x'), {}, {}});
    rig.produce(contents);
    rig.wait_for_reports();
    rig.store(plain_messages(1));
    rig.end();
    return conformance::passed();
}

Verdict many_threads(const Setting& setting, const Setting&) {
    ProducerRig rig(setting);
    rig.start();
    const bool at_once = (rig.life().flags() & VOLLEY_THREAD_SAFE) != 0;
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; ++i) {
        workers.emplace_back([&] { rig.produce(plain_messages(200)); });
        if (!at_once) workers.back().join();
    }
    for (std::thread& worker : workers)
        if (worker.joinable()) worker.join();
    rig.wait_for_reports();
    rig.end();
    return conformance::passed(at_once ? "four at once" : "one at a time: no VOLLEY_THREAD_SAFE");
}

}  // namespace

std::vector<Check> connector_checks() {
    return {
        {"empty-queue", "consume and poll of an empty queue return VOLLEY_OK in time", Of::consumer, true,
         &empty_queue},
        {"interrupt", "interrupt ends a consume that waits, and the next one", Of::consumer, true,
         &interrupt},
        {"reports", "Each accepted record is reported once; produce of no records works", Of::producer, true,
         &reports},
        {"close-reports", "close reports what is due, and no report comes later", Of::producer, true,
         &close_reports},
        {"odd-records", "A record that cannot be stored is accepted and reported", Of::producer, true,
         &odd_records},
        {"workers", "produce from several threads, at once if the class allows it", Of::producer, true,
         &many_threads},
    };
}

}  // namespace volley::cli::plugin_check
