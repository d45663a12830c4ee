#include "store.hpp"

#include <algorithm>

#include "consumer.hpp"
#include "producer.hpp"

namespace simulation {

Process* current_process = nullptr;

Delivery* Process::find(std::uint64_t handle) {
    const auto found = deliveries.find(handle);
    return found == deliveries.end() ? nullptr : &found->second;
}

void Process::close(std::uint64_t handle) {
    const auto found = deliveries.find(handle);
    if (found == deliveries.end()) return;
    const auto group = groups.find(found->second.group);
    if (group != groups.end()) std::erase(group->second, handle);
    deliveries.erase(found);
}

void Process::step() {
    switch (below(world.random, 4)) {
        case 0:
            if (!jobs.empty() && !jobs.front().is_polled) finish_job(below(world.random, jobs.size()));
            return;
        case 1: {
            const auto next =
                std::find_if(posted.begin(), posted.end(), [](const Posted& t) { return !t.is_done; });
            if (next == posted.end()) return;
            // Carried out only if all before it were.
            const bool before =
                std::all_of(posted.begin(), next, [](const Posted& t) { return t.is_stored; });
            if (before || crashed) {
                carry_out(*next);
            } else {
                next->is_done = true;
                next->status = VOLLEY_E_RETRY;
                next->results.assign(next->handles.size(), VOLLEY_OK);
            }
            for (Consumer* consumer : consumers) consumer->wake();
            return;
        }
        case 2:
            for (Consumer* consumer : consumers) {
                if (consumer->has_commits()) consumer->carry_out_commits();
            }
            return;
        default:
            if (producers.empty() || world.scenario.polled_outputs) return;
            Producer* const producer = producers[below(world.random, producers.size())];
            if (producer->has_pending()) producer->report_one();
    }
}

namespace {

volley_class describe(std::uint32_t kind, const char* name, std::uint64_t flags, const void* functions) {
    volley_class c{};
    c.struct_size = sizeof c;
    c.kind = kind;
    c.name = name;
    c.flags = flags;
    c.functions = functions;
    return c;
}

constexpr std::uint64_t producer_flags =
    VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_JOINT_COMMIT | VOLLEY_CAN_DEDUP;

}  // namespace

std::string consumer_class(const Scenario& s) {
    return std::string("sim.so:") + (s.log ? "Log" : "Queue") + (s.interrupt ? "" : "Blind");
}
std::string producer_class(const Scenario& s) {
    return std::string("sim.so:") + (s.polled_outputs ? "Polled" : "Output") +
           (s.ordered_outputs ? "Ordered" : "");
}
std::string handler_class(const Scenario& s) {
    return std::string("Handler") + (s.keeps_groups ? "Keeps" : "") + (s.thread_safe ? "Safe" : "") +
           (s.polls      ? "Polled"
            : s.is_async ? "Async"
                         : "");
}

const volley_plugin* plugin() {
    constexpr std::uint64_t consumer_flags =
        VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_ORDERED | VOLLEY_CAN_DELAY;
    static const std::vector<volley_class> classes = {
        describe(VOLLEY_KIND_CONSUMER, "Log", consumer_flags, log_consumer(true)),
        describe(VOLLEY_KIND_CONSUMER, "LogBlind", consumer_flags, log_consumer(false)),
        describe(VOLLEY_KIND_CONSUMER, "Queue", consumer_flags, queue_consumer(true)),
        describe(VOLLEY_KIND_CONSUMER, "QueueBlind", consumer_flags, queue_consumer(false)),
        describe(VOLLEY_KIND_PRODUCER, "Output", producer_flags, producer_functions(false)),
        describe(VOLLEY_KIND_PRODUCER, "OutputOrdered", producer_flags | VOLLEY_ORDERED,
                 producer_functions(false)),
        describe(VOLLEY_KIND_PRODUCER, "Polled", producer_flags, producer_functions(true)),
        describe(VOLLEY_KIND_PRODUCER, "PolledOrdered", producer_flags | VOLLEY_ORDERED,
                 producer_functions(true)),
        describe(VOLLEY_KIND_HANDLER, "Handler", 0, handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerKeeps", VOLLEY_KEEPS_GROUPS, handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerSafe", VOLLEY_THREAD_SAFE, handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerKeepsSafe", VOLLEY_KEEPS_GROUPS | VOLLEY_THREAD_SAFE,
                 handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerPolled", VOLLEY_ASYNC, polled_handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerKeepsPolled", VOLLEY_ASYNC | VOLLEY_KEEPS_GROUPS,
                 polled_handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerAsync", VOLLEY_ASYNC, handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerKeepsAsync", VOLLEY_ASYNC | VOLLEY_KEEPS_GROUPS,
                 handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerSafeAsync", VOLLEY_ASYNC | VOLLEY_THREAD_SAFE,
                 handler_functions()),
        describe(VOLLEY_KIND_HANDLER, "HandlerKeepsSafeAsync",
                 VOLLEY_ASYNC | VOLLEY_KEEPS_GROUPS | VOLLEY_THREAD_SAFE, handler_functions()),
    };
    static const std::vector<const volley_class*> pointers = [] {
        std::vector<const volley_class*> out;
        for (const volley_class& c : classes) out.push_back(&c);
        return out;
    }();
    static const volley_plugin description = [] {
        volley_plugin p{};
        p.struct_size = sizeof p;
        p.class_count = static_cast<std::uint32_t>(pointers.size());
        p.classes = pointers.data();
        p.name = "sim";
        p.version = "1.0.0";
        return p;
    }();
    return &description;
}

}  // namespace simulation
