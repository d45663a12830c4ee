#include "answers.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include "scripted.hpp"
#include "volley/engine.hpp"
#include "volley/view.hpp"

namespace answers {

using namespace volley;

bool Store::is_done() {
    const std::lock_guard guard(mutex);
    if (log && call == "commit in" && status == VOLLEY_E_LOST)
        return calls[call] > 0;  // no further commit is needed
    if (log) return committed == messages;
    return acked.size() + lost.size() == static_cast<std::size_t>(messages) && open.empty();
}

namespace {

Store* store = nullptr;

// Records the call. Returns its status.
std::int32_t answer(const std::string& call, volley_error* error = nullptr) {
    const std::lock_guard lock(store->mutex);
    const int before = store->calls[call]++;
    if (call != store->call || before < store->after || before >= store->after + store->times)
        return VOLLEY_OK;
    if (before == store->after) {
        store->acked_at_answer = store->acked.size();
        store->committed_at_answer = store->committed;
    }
    return volley_fail(error, store->status, store->status < 0 ? "as the test says" : "");
}

// ---- the consumer

struct Input {
    std::mutex mutex;
    std::condition_variable woken;
    bool interrupted = false;
    bool assigned = false;
    bool is_open = false;
    const volley_partition_events* listener = nullptr;

    void wait(std::uint32_t timeout_ms) {
        std::unique_lock lock(mutex);
        woken.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return interrupted; });
        interrupted = false;
    }
};

Input& input(volley_consumer* consumer) { return *reinterpret_cast<Input*>(consumer); }

constexpr std::string_view body = "{\"n\": 1}";

bool deliver(volley_batch& batch) {
    const std::lock_guard lock(store->mutex);
    while (batch.count < batch.capacity && !store->waiting.empty()) {
        const std::uint64_t number = *store->waiting.begin();
        store->waiting.erase(store->waiting.begin());
        store->open.insert(number);
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        m.handle = number;
        m.body = view_of(body);
        if (store->leases) m.lease_ms = 30;
        if (store->log) {
            m.partition = 0;
            m.offset = static_cast<std::int64_t>(number);
            m.epoch = 1;
        }
    }
    return batch.count > 0;
}

std::int32_t consume(volley_consumer* c, volley_batch* batch, std::uint32_t timeout_ms, volley_error* error) {
    if (const std::int32_t status = answer("consume in", error); status != VOLLEY_OK) return status;
    Input& self = input(c);
    volley_partition partition{};
    partition.epoch = 1;
    if (self.listener != nullptr && !std::exchange(self.assigned, true))
        self.listener->assigned(self.listener->context, &partition, 1, sizeof partition);
    if (!deliver(*batch)) self.wait(timeout_ms);
    return VOLLEY_OK;
}

// Requires: the caller holds the store's lock.
void close_delivery(const volley_settlement& s) {
    if (store->open.erase(s.handle) == 0) store->broken.emplace_back("settled what is not open");
    if (s.result == VOLLEY_E_LOST || s.result == VOLLEY_E_UNKNOWN) store->lost.insert(s.handle);
    if (s.result != VOLLEY_OK) return;
    if (s.outcome == VOLLEY_ACK) store->acked.insert(s.handle);
    if (s.outcome == VOLLEY_NACK) store->nacked.insert(s.handle);
    if (s.outcome == VOLLEY_RELEASE) store->released.insert(s.handle);
    if (s.outcome != VOLLEY_ACK && !store->log && store->lost.count(s.handle) == 0)
        store->waiting.insert(s.handle);
}

std::int32_t settle(volley_consumer*, volley_settlement* settlements, std::uint32_t count,
                    std::uint32_t stride, volley_error* error) {
    if (const std::int32_t status = answer("settle in", error); status != VOLLEY_OK) return status;
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        s.result = answer("result of settle");
        const std::lock_guard lock(store->mutex);
        if (s.result != VOLLEY_E_RETRY) close_delivery(s);
    }
    return VOLLEY_OK;
}

std::int32_t commit(volley_consumer*, const volley_partition* partitions, std::uint32_t count, std::uint32_t,
                    std::int32_t, std::uint32_t, volley_error* error) {
    if (count == 0) return VOLLEY_OK;  // only waits
    if (const std::int32_t status = answer("commit in", error); status != VOLLEY_OK) return status;
    const std::lock_guard lock(store->mutex);
    store->committed = partitions[0].offset;
    return VOLLEY_OK;
}

std::int32_t extend(volley_consumer*, const std::uint64_t* handles, std::int32_t* results,
                    std::uint32_t count, std::uint32_t, volley_error* error) {
    if (const std::int32_t status = answer("extend in", error); status != VOLLEY_OK) return status;
    for (std::uint32_t i = 0; i < count; ++i) {
        results[i] = answer("result of extend");
        if (results[i] != VOLLEY_E_LOST) continue;
        const std::lock_guard lock(store->mutex);
        store->lost.insert(handles[i]);
    }
    return VOLLEY_OK;
}

const volley_ext_partitions partitions_table{
    sizeof(volley_ext_partitions), 0,
    [](volley_consumer* c, const volley_partition_events* events) { input(c).listener = events; },
    [](volley_consumer*, const volley_partition*, std::uint32_t, std::uint32_t, volley_error* e) {
        return answer("pause in", e);
    },
    [](volley_consumer*, const volley_partition*, std::uint32_t, std::uint32_t, volley_error* e) {
        return answer("resume in", e);
    }};
const volley_ext_log log_table{sizeof(volley_ext_log), 0, commit};
const volley_ext_lease lease_table{sizeof(volley_ext_lease), 0, extend};
const volley_ext_identity identity_table{sizeof(volley_ext_identity), 0,
                                         [](volley_consumer*, volley_view* out, volley_error* e) {
                                             *out = view_of("the store of the test");
                                             return answer("identity in", e);
                                         }};
const volley_ext_inspect inspect_table = [] {
    volley_ext_inspect table{};
    table.struct_size = sizeof table;
    table.stats = [](void*, volley_stats* out, volley_error* e) {
        const std::int32_t status = answer("stats in", e);
        const std::lock_guard lock(store->mutex);
        out->ready = static_cast<std::int64_t>(store->waiting.size());
        return status;
    };
    return table;
}();

const void* input_extension(volley_consumer*, const char* name) {
    const std::string_view id = name;
    if (store->log && id == VOLLEY_EXT_LOG) return &log_table;
    if (store->log && id == VOLLEY_EXT_PARTITIONS) return &partitions_table;
    if (store->leases && id == VOLLEY_EXT_LEASE) return &lease_table;
    if (store->call == "identity in" && id == VOLLEY_EXT_IDENTITY) return &identity_table;
    if (store->call == "stats in" && id == VOLLEY_EXT_INSPECT) return &inspect_table;
    return nullptr;
}

const volley_consumer_class input_functions = [] {
    volley_consumer_class f{};
    f.struct_size = sizeof f;
    f.create = [](const volley_host*, const volley_options*, volley_consumer** out, volley_error* e) {
        const std::int32_t status = answer("create in", e);
        if (status == VOLLEY_OK) *out = reinterpret_cast<volley_consumer*>(new Input);
        return status;
    };
    f.open = [](volley_consumer* c, volley_error* e) {
        const std::int32_t status = answer("open in", e);
        input(c).is_open = status == VOLLEY_OK;
        return status;
    };
    f.consume = consume;
    f.settle = settle;
    f.poll = [](volley_consumer* c, std::uint32_t timeout_ms, volley_error* e) {
        const std::int32_t status = answer("poll in", e);
        if (status == VOLLEY_OK) input(c).wait(std::min<std::uint32_t>(timeout_ms, 5));
        return status;
    };
    f.interrupt = [](volley_consumer* c) {
        const std::lock_guard lock(input(c).mutex);
        input(c).interrupted = true;
        input(c).woken.notify_all();
    };
    f.close = [](volley_consumer* c, std::uint32_t, volley_error* e) {
        if (!std::exchange(input(c).is_open, false)) store->broken.emplace_back("closed what is not open");
        return answer("close in", e);
    };
    f.destroy = [](volley_consumer* c) { delete &input(c); };
    f.get_extension = input_extension;
    return f;
}();

// ---- producers

struct Output {
    std::string queue;
    volley_report_fn report;
    void* context;
    std::mutex mutex;
    std::deque<std::uint64_t> held;  // tokens
};

Output& output(volley_producer* producer) { return *reinterpret_cast<Output*>(producer); }

void report_held(Output& self) {
    if (!store->hold.empty() && store->count(store->hold) < store->hold_times) return;
    for (;;) {
        volley_report r{};
        {
            const std::lock_guard lock(self.mutex);
            if (self.held.empty()) return;
            r.token = self.held.front();
            self.held.pop_front();
        }
        r.partition = -1;
        r.offset = -1;
        r.status = answer("report " + self.queue);
        if (r.status < 0) r.text = view_of("as the test says");
        if (r.status == VOLLEY_OK) {
            const std::lock_guard lock(store->mutex);
            ++(self.queue == "dead" ? store->dead_letters : store->sent);
        }
        self.report(self.context, &r, 1, sizeof r);
    }
}

std::int32_t produce(volley_producer* p, const volley_record* records, std::uint32_t count,
                     std::uint32_t stride, std::uint32_t* accepted, volley_error* error) {
    Output& self = output(p);
    if (const std::int32_t status = answer("produce " + self.queue, error); status != VOLLEY_OK)
        return status;
    const std::lock_guard lock(self.mutex);
    for (std::uint32_t i = 0; i < count; ++i) self.held.push_back(element(records, stride, i).token);
    *accepted = count;
    return VOLLEY_OK;
}

// Stores all records and settles all messages, or does nothing.
std::int32_t transact(const char* call, volley_transaction* t, volley_error* error) {
    std::int32_t status = answer(call, error);
    const std::lock_guard lock(store->mutex);
    for (std::uint32_t i = 0; i < t->settlement_count && (status == VOLLEY_OK || status == VOLLEY_E_LOST);
         ++i) {
        volley_settlement& s = element(t->settlements, t->settlement_size, i);
        s.result = status == VOLLEY_E_LOST && i > 0 ? std::int32_t{VOLLEY_OK} : status;
        if (status == VOLLEY_OK) close_delivery(s);
        if (s.result == VOLLEY_E_LOST) store->lost.insert(s.handle);  // it counts as settled nevertheless
    }
    if (status == VOLLEY_OK) store->sent += static_cast<int>(t->record_count);
    return status;
}

const volley_ext_atomic commits = [] {
    volley_ext_atomic table{};
    table.struct_size = sizeof table;
    table.joins = [](volley_producer*, volley_consumer*) -> std::int32_t { return 1; };
    table.commit = [](volley_producer*, volley_consumer*, volley_transaction* t, volley_error* e) {
        return transact("commit out", t, e);
    };
    return table;
}();
const volley_ext_atomic posts = [] {
    volley_ext_atomic table = commits;
    // A transaction that the outcome did not commit is repeated here.
    table.commit = [](volley_producer*, volley_consumer*, volley_transaction* t, volley_error* e) {
        return transact("outcome out", t, e);
    };
    table.post = [](volley_producer*, volley_consumer*, volley_transaction*) { answer("post out"); };
    table.outcome = [](volley_producer*, volley_consumer*, volley_transaction* t, std::uint32_t,
                       volley_error* e) { return transact("outcome out", t, e); };
    return table;
}();

const volley_producer_class output_functions = [] {
    volley_producer_class f{};
    f.struct_size = sizeof f;
    f.create = [](const volley_host*, const volley_options* options, volley_report_fn report, void* context,
                  volley_producer** out, volley_error* e) {
        const std::string queue(text_of(options->queue));
        const std::int32_t status = answer("create " + queue, e);
        if (status == VOLLEY_OK)
            *out = reinterpret_cast<volley_producer*>(new Output{queue, report, context, {}, {}});
        return status;
    };
    f.open = [](volley_producer* p, volley_error* e) { return answer("open " + output(p).queue, e); };
    f.produce = produce;
    f.poll = [](volley_producer* p, std::uint32_t, volley_error* e) {
        const std::int32_t status = answer("poll " + output(p).queue, e);
        if (status == VOLLEY_OK) report_held(output(p));
        return status;
    };
    f.flush = [](volley_producer* p, std::uint32_t, volley_error* e) {
        return answer("flush " + output(p).queue, e);
    };
    f.close = [](volley_producer* p, std::uint32_t, volley_error* e) {
        const std::int32_t status = answer("close " + output(p).queue, e);
        std::deque<std::uint64_t> given_up;
        {
            const std::lock_guard lock(output(p).mutex);
            given_up.swap(output(p).held);
        }
        for (const std::uint64_t token : given_up) {
            volley_report r{};
            r.token = token;
            r.status = VOLLEY_E_UNKNOWN;
            output(p).report(output(p).context, &r, 1, sizeof r);
        }
        return status;
    };
    f.destroy = [](volley_producer* p) { delete &output(p); };
    f.get_extension = [](volley_producer*, const char* id) -> const void* {
        if (!store->atomic || std::string_view(id) != VOLLEY_EXT_ATOMIC) return nullptr;
        return store->posts ? &posts : &commits;
    };
    return f;
}();

// ---- the handler: forwards

struct Forward {
    const volley_jobs* jobs;
};

Forward& forward(volley_handler* handler) { return *reinterpret_cast<Forward*>(handler); }

std::int32_t handle(volley_handler* h, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                    volley_error* error) {
    if (const std::int32_t status = answer("handle", error); status != VOLLEY_OK) return status;
    const volley_jobs* jobs = forward(h).jobs;
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_task& task = element(tasks, stride, i);
        volley_record record{};
        record.body = task.message->body;
        record.partition = -1;
        jobs->emit(jobs->context, task.job, volley_view{}, &record, sizeof record, nullptr);
        const std::int32_t status = answer("status of a task");
        jobs->explain(jobs->context, task.job, view_of("as the test says"));
        task.status = store->pending ? std::int32_t{VOLLEY_PENDING} : status;
        if (store->pending) jobs->finish(jobs->context, task.job, status, 0);
    }
    return VOLLEY_OK;
}

const volley_handler_class handler_functions = [] {
    volley_handler_class f{};
    f.struct_size = sizeof f;
    f.create = [](const volley_host*, const volley_options*, const volley_jobs* jobs, volley_handler** out,
                  volley_error* e) {
        const std::int32_t status = answer("create handler", e);
        if (status == VOLLEY_OK) *out = reinterpret_cast<volley_handler*>(new Forward{jobs});
        return status;
    };
    f.open = [](volley_handler*, volley_error* e) { return answer("open handler", e); };
    f.handle = handle;
    f.close = [](volley_handler*, std::uint32_t, volley_error* e) { return answer("close handler", e); };
    f.destroy = [](volley_handler* h) { delete &forward(h); };
    return f;
}();

volley_class describe(std::uint32_t kind, const char* name, const void* functions) {
    volley_class c{};
    c.struct_size = sizeof c;
    c.kind = kind;
    c.name = name;
    c.functions = functions;
    return c;
}

const volley_plugin* plugin() {
    static const volley_class in = describe(VOLLEY_KIND_CONSUMER, "Input", &input_functions);
    static const volley_class out = describe(VOLLEY_KIND_PRODUCER, "Output", &output_functions);
    static const volley_class handler = describe(VOLLEY_KIND_HANDLER, "Forward", &handler_functions);
    static const volley_class* const classes[] = {&in, &out, &handler};
    static const volley_plugin description = [] {
        volley_plugin p{};
        p.struct_size = sizeof p;
        p.class_count = 3;
        p.classes = classes;
        p.name = "answers";
        p.version = "1.0.0";
        return p;
    }();
    return &description;
}

std::string configuration(const Store& of) {
    const std::string handler = of.handler ? "'answers.so:Forward'" : "forward";
    return "shutdown_timeout: 2s\nstartup_timeout: 10s\nstate_dir: .\noperations: off\nqueues:\n"
           "  in: {consumer: 'answers.so:Input'}\n  out: {producer: 'answers.so:Output'}\n"
           "  dead: {producer: 'answers.so:Output'}\ncomponents:\n"
           "  - {name: move, input: in, outputs: [out], dead_letter_queue: dead, handler: " +
           handler + ", order: none, max_in_flight: " + std::to_string(of.max_in_flight) +
           ",\n     retry: {initial_delay: 1ms, max_delay: 5ms}}\n";
}

}  // namespace

Ended run(Store& of) {
    store = &of;
    for (int i = 0; i < of.messages; ++i) of.waiting.insert(static_cast<std::uint64_t>(i));
    static const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("volley-answers." + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "volley.yml") << configuration(of);
    EngineOptions options;
    options.file = folder / "volley.yml";
    options.plugins = {{"answers", plugin()}};
    options.log = false;
    options.exit_when_idle = of.call == "stats in";
    auto engine = Engine::make(std::move(options));
    std::error_code ignored;
    if (!engine) {
        std::filesystem::remove_all(folder, ignored);
        return {78, engine.error().text};
    }
    const scripted::Ended ended =
        scripted::run_until(**engine, [&of] { return of.call != "stats in" && of.is_done(); });
    std::filesystem::remove_all(folder, ignored);
    return {ended.code, ended.why_not_ready};
}

}  // namespace answers
