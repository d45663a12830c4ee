#include "plugin_check/producer_rig.hpp"

#include <algorithm>

#include "plugin_check/guarded_array.hpp"

namespace volley::cli::plugin_check {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto patience = 15s;  // with errors, and without progress

bool is_passing(const Outcome& outcome) {
    return outcome.status == VOLLEY_E_RETRY || outcome.status == VOLLEY_E_UNKNOWN ||
           outcome.status == VOLLEY_E_LOST;
}

}  // namespace

ProducerRig::ProducerRig(const Setting& setting)
    : setting_(setting),
      life_(setting_, subject_of(setting.file, VOLLEY_KIND_PRODUCER, setting.class_name), &Reports::take,
            &reports_) {}

Outcome ProducerRig::offer(const std::vector<const volley_record*>& records, std::uint32_t& accepted) {
    const std::string name = life_.name("produce");
    const auto count = static_cast<std::uint32_t>(records.size());
    GuardedArray<volley_record> room(count);
    for (std::uint32_t i = 0; i < count; ++i) room[i] = *records[i];
    // A plugin may report a record before produce returns.
    for (const volley_record* record : records) reports_.accepted(record->token);
    accepted = 0;
    const Outcome done = call(name, {VOLLEY_OK, VOLLEY_AGAIN}, [&](volley_error* error) {
        return life_.table().produce(life_.get(), room.data(), count, room.stride(), &accepted, error);
    });
    require(accepted <= count,
            name + " accepted " + std::to_string(accepted) + " of " + std::to_string(count) + " records",
            "*accepted is at most `count`; the engine ends the component");
    require(room.is_intact(), name + " wrote behind a record",
            "records are the engine's: do not write to them");
    for (std::uint32_t i = accepted; i < count; ++i) {
        require(reports_.status_of(records[i]->token) == VOLLEY_PENDING,
                name + " reported a record that it did not accept", "count in *accepted what gets a report");
        reports_.refused(records[i]->token);
    }
    return done;
}

void ProducerRig::poll(std::uint32_t timeout_ms) {
    if (life_.table().poll == nullptr) return;
    const Outcome polled = call(life_.name("poll"), {VOLLEY_OK}, [&](volley_error* error) {
        return life_.table().poll(life_.get(), timeout_ms, error);
    });
    require(polled.ok() || is_passing(polled), life_.name("poll") + " returned " + polled.words(),
            "see its text");
}

Outcome ProducerRig::flush(std::uint32_t timeout_ms) {
    if (life_.table().flush == nullptr) return {};
    return call(life_.name("flush"), {VOLLEY_OK, VOLLEY_AGAIN},
                [&](volley_error* error) { return life_.table().flush(life_.get(), timeout_ms, error); });
}

std::vector<std::uint64_t> ProducerRig::produce(const std::vector<Content>& contents,
                                                const std::string& id_prefix) {
    std::vector<const volley_record*> records;
    std::vector<std::uint64_t> tokens;
    for (const Content& content : contents) {
        const std::string id = id_prefix.empty() ? "" : id_prefix + std::to_string(records.size());
        records.push_back(&reports_.add(content, id, setting_.value));
        tokens.push_back(records.back()->token);
    }
    constexpr std::size_t batch = 512;
    std::size_t done = 0;
    auto last = Clock::now();
    while (done < records.size()) {
        const auto from = records.begin() + static_cast<std::ptrdiff_t>(done);
        const auto to = records.begin() + static_cast<std::ptrdiff_t>(std::min(done + batch, records.size()));
        std::uint32_t accepted = 0;
        const Outcome outcome = offer({from, to}, accepted);
        done += accepted;
        if (accepted > 0) last = Clock::now();
        require(outcome.status >= 0 || is_passing(outcome),
                life_.name("produce") + " returned " + outcome.words(),
                "a record that can never be sent is accepted and reported");
        require(Clock::now() - last < patience,
                life_.name("produce") + " accepted no record for 15 s: " + outcome.words(),
                "make room when reports have come");
        if (accepted > 0) continue;
        poll(10);
        const std::size_t due = reports_.due();
        if (due > 0) flush(100);
        reports_.wait_for_one(std::max<std::size_t>(due, 1), 10ms);
    }
    return tokens;
}

void ProducerRig::wait_for_reports() {
    auto last = Clock::now();
    for (std::size_t due = reports_.due(); due > 0; due = reports_.due()) {
        poll(0);
        if (Clock::now() - last > 20ms) {
            const Outcome flushed = flush(500);
            require(flushed.status >= 0 || is_passing(flushed),
                    life_.name("flush") + " returned " + flushed.words(), "see its text");
            require(flushed.status != VOLLEY_OK || life_.table().flush == nullptr || reports_.due() == 0,
                    life_.name("flush") + " returned VOLLEY_OK, but " + std::to_string(reports_.due()) +
                        " records have no report",
                    "report each accepted record; VOLLEY_AGAIN says that some are still due");
        }
        if (reports_.wait_for_one(due, 5ms)) last = Clock::now();
        require(Clock::now() - last < patience,
                std::to_string(reports_.due()) + " accepted records were not reported within 15 s",
                "report each accepted record: in produce, poll, flush, or from a thread");
    }
}

void ProducerRig::store(const std::vector<Content>& contents) {
    const auto tokens = produce(contents);
    wait_for_reports();
    for (const std::uint64_t token : tokens) {
        const std::int32_t status = reports_.status_of(token);
        require(status == VOLLEY_OK,
                "a record was reported with " + status_name(status) + ": " + reports_.text_of(token),
                "a plain record can be stored; give --config a store that takes it");
    }
}

void ProducerRig::end() {
    life_.close();
    require(reports_.due() == 0,
            "after close " + std::to_string(reports_.due()) + " accepted records have no report",
            "close reports what is given up, with VOLLEY_E_UNKNOWN");
    reports_.stop("close");
    life_.destroy();
}

}  // namespace volley::cli::plugin_check
