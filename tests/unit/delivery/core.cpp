#include "core.hpp"

#include <catch2/catch.hpp>

namespace volley::delivery {

namespace {

void print(std::ostream& out, const char* name, const Slots& slots) {
    out << name << Catch::Detail::stringify(slots);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Settled& settled) {
    print(out, "acked ", settled.acked);
    print(out, ", nacked ", settled.nacked);
    print(out, ", released ", settled.released);
    return out;
}

Core::Core(const Options& options) : delivery(options) { REQUIRE(delivery.open_lane() == 0); }

Slot Core::receive(Incoming incoming) {
    if (incoming.handle == 0) incoming.handle = ++handles;
    return delivery.receive(incoming);
}

std::vector<WorkItem> Core::items(std::uint32_t worker, std::uint32_t room) {
    std::vector<WorkItem> out(room);
    out.resize(delivery.take(out.data(), room, worker));
    return out;
}

Slots Core::start(std::uint32_t worker, std::uint32_t room) {
    Slots slots;
    for (const WorkItem& item : items(worker, room)) {
        REQUIRE(item.step == Step::handle);
        slots.push_back(item.slot);
    }
    return slots;
}

Slots Core::take(Step step) {
    Slots slots;
    for (const WorkItem& item : items()) {
        REQUIRE(item.step == step);
        slots.push_back(item.slot);
    }
    return slots;
}

void Core::ok(Slot slot, std::uint32_t outputs, std::uint64_t held) {
    delivery.handled(slot, Verdict::ok, outputs, held, Millis(0), 0, now);
}

void Core::retry(Slot slot, Millis retry_after) {
    delivery.handled(slot, Verdict::retry, 0, 0, retry_after, 0, now);
}

void Core::fail(Slot slot) { delivery.handled(slot, Verdict::fail, 0, 0, Millis(0), 0, now); }

void Core::give_back(Slot slot) { delivery.handled(slot, Verdict::not_started, 0, 0, Millis(0), 0, now); }

bool Core::confirm(Slot slot, std::uint32_t output) {
    return delivery.confirmed(slot, delivery.entry(slot).life, output, now);
}

bool Core::refuse(Slot slot, std::uint32_t output, SendFailure failure) {
    REQUIRE(delivery.is_awaited(slot, delivery.entry(slot).life, false));
    return delivery.send_failed(slot, output, failure, 0, now);
}

Settled Core::settle() {
    std::vector<Settlement> settlements;
    delivery.take_settlements(settlements);
    Settled settled;
    for (const Settlement& settlement : settlements) {
        switch (settlement.kind) {
            case SettlementKind::ack:
                settled.acked.push_back(settlement.slot);
                break;
            case SettlementKind::nack:
                settled.nacked.push_back(settlement.slot);
                break;
            case SettlementKind::release:
                settled.released.push_back(settlement.slot);
        }
        delivery.settled(settlement.slot, false);
    }
    return settled;
}

std::int64_t Core::committed(Lane lane) {
    std::vector<Commit> taken;
    delivery.take_commits(taken);
    for (const Commit& commit : taken) commits[commit.lane] = commit.offset;
    const auto found = commits.find(lane);
    return found == commits.end() ? -1 : found->second;
}

void Core::advance(Millis time) {
    now += time;
    delivery.tick(now);
}

void Core::advance_to_due() {
    REQUIRE(delivery.next_due() != never);
    now = std::max(now, delivery.next_due());
    delivery.tick(now);
}

bool is_balanced(const Counters& c) {
    return c.received == c.done + c.dead + c.dropped + c.requeued + c.released + c.in_flight &&
           c.released == c.released_by_stop + c.released_by_revocation + c.released_by_lease;
}

}  // namespace volley::delivery
