// The model store's producers, and its transactions.
#include "producer.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "consumer.hpp"
#include "runtime/message_context.hpp"

namespace simulation {

namespace {

constexpr std::size_t room = 40;  // records that a producer holds
constexpr unsigned output_shift =
    volley::runtime::slot_bits;  // where the engine's tokens have the number of the output

}  // namespace

Producer::Producer(Process& process, const volley_options& options, volley_report_fn report, void* context)
    : process_(process), world_(process.world), report_fn_(report), context_(context) {
    const std::string_view queue = text_of(options.queue);
    dead_letters_ = queue == "dead";
    if (!dead_letters_) queue_ = queue.back() - '0';
}

Producer::~Producer() {
    if (breaks(Breach::reports_in_destroy)) report_again(last_token_);
    if (!pending_.empty()) world_.fault("a producer is destroyed before its close has reported everything");
    std::erase(process_.producers, this);
}

std::int32_t Producer::open(volley_error* error) {
    world_.fibers.yield();
    if (!process_.crashed && world_.injects_failure(0.5))
        return volley_fail(error, VOLLEY_E_RETRY, "the store is down");
    is_open_ = true;
    process_.producers.push_back(this);
    return VOLLEY_OK;
}

std::int32_t Producer::produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                               std::uint32_t* accepted, volley_error* error) {
    if (!is_open_) world_.fault("produce on a producer that is not open");
    world_.fibers.yield();
    if (breaks(Breach::produce_throws)) throw std::runtime_error("produce throws");
    if (breaks(Breach::produce_unknown_status)) return unknown_status;
    if (breaks(Breach::produce_accepts_too_many)) {
        *accepted = count + 1;
        return VOLLEY_OK;
    }
    std::uint32_t take = count;
    const bool fails = !process_.crashed && world_.injects_failure(0.2);
    if (fails || (!process_.crashed && world_.injects_failure(0.3)))
        take = static_cast<std::uint32_t>(below(world_.random, count));
    for (std::uint32_t i = 0; i < take && (pending_.size() < room || process_.crashed); ++i) {
        Pending p;
        p.record = element(records, stride, i);
        p.message = number_of(text_of(p.record.body));
        p.output = output_of(text_of(p.record.body), queue_);
        if (p.message < 0) world_.fault("a record that nobody made");
        pending_.push_back(p);
        ++*accepted;
    }
    if (process_.crashed) {
        report_all();
        return VOLLEY_OK;
    }
    // Some stores answer at once.
    while (!pending_.empty() && !world_.scenario.polled_outputs && chance(world_.random, 0.2)) report_one();
    if (fails) return volley_fail(error, VOLLEY_E_RETRY, "the store is down");
    return *accepted < count ? VOLLEY_AGAIN : VOLLEY_OK;
}

// A record's fate is decided when it is reported: it may be stored although the report says that nobody
// knows.
void Producer::report_one() {
    const std::size_t index = world_.scenario.ordered_outputs ? 0 : below(world_.random, pending_.size());
    const Pending p = pending_[index];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
    volley_report report{};
    report.token = p.record.token;
    report.partition = -1;
    report.offset = -1;
    if (!process_.crashed) {
        if (number_of(text_of(p.record.body)) != p.message)
            world_.fault("the memory of a record is gone before its report");
        report.status = decide(p);
        if (report.status != VOLLEY_OK) report.text = view_of("the store refuses it");
    }
    if (breaks(Breach::reports_unknown_status)) report.status = unknown_status;
    if (breaks(Breach::reports_no_token)) report.token ^= 0xffffffffffULL;
    report_fn_(context_, &report, 1, sizeof report);
    last_token_ = report.token;
    if (breaks(Breach::reports_twice)) report_fn_(context_, &report, 1, sizeof report);
    if (breaks(Breach::reports_other_output))
        report_again(report.token | std::uint64_t{0x70} << output_shift);
    old_tokens_.push_back(report.token);
    constexpr std::size_t long_ago = 30;
    if (old_tokens_.size() > long_ago && breaks(Breach::reports_late)) report_again(old_tokens_.front());
}

bool Producer::breaks(Breach breach) { return !process_.crashed && world_.hostility.now(breach); }

void Producer::report_again(std::uint64_t token) {
    volley_report report{};
    report.token = token;
    report.partition = -1;
    report.offset = -1;
    report_fn_(context_, &report, 1, sizeof report);
}

std::int32_t Producer::decide(const Pending& p) {
    const Scenario& s = world_.scenario;
    const bool fails = world_.injects_failure();
    const bool stored = !fails || chance(world_.random, 0.3);
    if (stored && dead_letters_)
        world_.store_dead_letter(p.message, text_of(p.record.body), text_of(p.record.id));
    if (stored && !dead_letters_) world_.store(p.message, p.output, text_of(p.record.id));
    if (!fails) {
        for (auto& [handle, d] : process_.deliveries) {
            if (d.message == p.message && !dead_letters_) d.confirmed.insert(p.output);
        }
        return VOLLEY_OK;
    }
    if (stored) return VOLLEY_E_UNKNOWN;
    const bool permanent =
        !dead_letters_ && s.component.on_fail != volley::OnFail::stop && chance(world_.random, 0.1);
    if (!permanent) return VOLLEY_E_RETRY;
    if (s.component.on_fail == volley::OnFail::drop)
        world_.messages[static_cast<std::size_t>(p.message)].dropped = true;
    // Delivered twice, the message may be of an older assignment here, and is then released.
    const auto is_of_it = [&p](const auto& entry) { return entry.second.message == p.message; };
    const bool is_one = std::count_if(process_.deliveries.begin(), process_.deliveries.end(), is_of_it) == 1;
    for (auto& [handle, d] : process_.deliveries) {
        // Where outputs are pipelined, those behind it may be on their way already.
        if (is_one && d.message == p.message && d.stage == Stage::handled && !s.ordered_outputs)
            d.stage = Stage::given_up;
    }
    world_.trace(p.message, "an output is refused for good");
    return VOLLEY_E_PERMANENT;
}

void Producer::report_all() {
    while (!pending_.empty()) report_one();
}

void Producer::poll() {
    world_.fibers.yield();
    if (!world_.scenario.polled_outputs && !process_.crashed) return;
    for (std::uint64_t n = below(world_.random, 4); n > 0 && !pending_.empty(); --n) report_one();
}

std::int32_t Producer::flush() {
    if (breaks(Breach::flush_throws)) throw std::runtime_error("flush throws");
    world_.fibers.yield();
    report_all();
    return VOLLEY_OK;
}

std::int32_t Producer::close() {
    if (!is_open_) world_.fault("close of a producer that is not open");
    world_.fibers.yield();
    report_all();
    is_open_ = false;
    std::erase(process_.producers, this);
    return VOLLEY_OK;
}

// ---- transactions

void Process::carry_out(Posted& t) {
    t.is_done = true;
    t.results.assign(t.handles.size(), VOLLEY_OK);
    if (crashed) return;
    std::size_t done = 0;
    bool lost = false;
    bool refused = false;
    for (std::size_t i = 0; i < t.handles.size(); ++i) {
        Delivery* const d = find(t.handles[i]);
        if (d == nullptr) {  // released at the end of a stop, while this was on its way
            t.results[i] = VOLLEY_E_LOST;
            lost = true;
            continue;
        }
        const Message& m = world.messages[static_cast<std::size_t>(d->message)];
        refused = refused || m.refused;
        if (m.deleted_by == t.handles[i]) {
            ++done;
        } else if (d->lost || m.deleted || m.taken_by != t.handles[i]) {
            t.results[i] = VOLLEY_E_LOST;
            lost = true;
        }
    }
    if (done > 0 && done < t.handles.size()) return world.fault("a transaction is repeated in another form");
    if (done == 0) {
        t.status = world.injects_failure() ? VOLLEY_E_RETRY
                   : lost                  ? VOLLEY_E_LOST
                   : refused               ? VOLLEY_E_PERMANENT
                                           : VOLLEY_OK;
        if (t.status != VOLLEY_OK) return;
        for (const Posted::Record& r : t.records) world.store(r.message, r.output, r.id);
        for (const std::uint64_t handle : t.handles) {
            const int message = find(handle)->message;
            world.acked(message);
            world.messages[static_cast<std::size_t>(message)].deleted_by = handle;
        }
    }
    t.is_stored = true;
    if (world.injects_failure()) t.status = VOLLEY_E_UNKNOWN;  // the reply is lost
}

namespace {

Producer* self(volley_producer* p) { return reinterpret_cast<Producer*>(p); }

Posted copy_of(Process& of, const volley_transaction& t) {
    Posted out;
    for (std::uint32_t i = 0; i < t.record_count; ++i) {
        const auto* r = &element(t.records, t.record_size, i);
        const std::string_view queue = text_of(r->queue);
        const int otherwise = queue.empty() ? 0 : queue.back() - '0';
        out.records.push_back({number_of(text_of(r->body)), output_of(text_of(r->body), otherwise),
                               std::string(text_of(r->id))});
    }
    for (std::uint32_t i = 0; i < t.settlement_count; ++i)
        out.handles.push_back(element(t.settlements, t.settlement_size, i).handle);
    for (const std::uint64_t handle : out.handles) {
        if (of.find(handle) == nullptr) of.world.fault("a transaction acks a delivery that is not open");
    }
    return out;
}

std::int32_t tell(Process& of, const Posted& done, volley_transaction& t, volley_error* error) {
    for (std::uint32_t i = 0; i < t.settlement_count; ++i)
        element(t.settlements, t.settlement_size, i).result = done.results[i];
    if (!of.crashed && of.world.hostility.now(Breach::transaction_throws))
        throw std::runtime_error("a transaction throws");
    if (!of.crashed && of.world.hostility.now(Breach::transaction_unknown_status))
        return volley_fail(error, unknown_status, "no such status");
    if (done.status == VOLLEY_OK) {
        for (const std::uint64_t handle : done.handles) of.close(handle);
        return VOLLEY_OK;
    }
    return volley_fail(error, done.status, "as the simulation says");
}

std::int32_t commit(volley_producer* p, volley_consumer*, volley_transaction* t, volley_error* error) {
    Process& of = self(p)->process();
    if (!of.posted.empty()) of.world.fault("commit while outcomes are due");
    of.world.fibers.yield();
    Posted now = copy_of(of, *t);
    of.carry_out(now);
    return tell(of, now, *t, error);
}

void post(volley_producer* p, volley_consumer*, volley_transaction* t) {
    Process& of = self(p)->process();
    of.posted.push_back(copy_of(of, *t));
    of.world.fibers.yield();
}

std::int32_t outcome(volley_producer* p, volley_consumer* c, volley_transaction* t, std::uint32_t timeout_ms,
                     volley_error* error) {
    Process& of = self(p)->process();
    auto* const consumer = reinterpret_cast<Consumer*>(c);
    if (of.posted.empty()) of.world.fault("the outcome is asked for of a transaction that was not posted");
    if (of.crashed) {
        while (!of.posted.front().is_done) of.step();
    }
    if (!of.posted.front().is_done && timeout_ms > 0)
        of.world.fibers.wait(consumer, of.world.fibers.now() + std::chrono::milliseconds(timeout_ms));
    if (!of.posted.front().is_done) return VOLLEY_PENDING;
    const Posted done = std::move(of.posted.front());
    of.posted.pop_front();
    return tell(of, done, *t, error);
}

template <bool posts>
const volley_ext_atomic* atomic() {
    static const volley_ext_atomic table = [] {
        volley_ext_atomic t{};
        t.struct_size = sizeof t;
        t.joins = [](volley_producer*, volley_consumer*) { return std::int32_t{1}; };
        t.commit = &commit;
        if (posts) {
            t.post = &post;
            t.outcome = &outcome;
        }
        return t;
    }();
    return &table;
}

const void* extension(volley_producer*, const char* id) {
    const Scenario& s = current_process->world.scenario;
    if (s.transactions && std::string_view(id) == VOLLEY_EXT_ATOMIC) return atomic_functions(s.posts);
    return nullptr;
}

template <bool polled>
const volley_producer_class* functions() {
    static const volley_producer_class table = [] {
        volley_producer_class t{};
        t.struct_size = sizeof t;
        t.create = [](const volley_host*, const volley_options* options, volley_report_fn report,
                      void* context, volley_producer** out, volley_error*) {
            *out =
                reinterpret_cast<volley_producer*>(new Producer(*current_process, *options, report, context));
            return std::int32_t{VOLLEY_OK};
        };
        t.open = [](volley_producer* p, volley_error* error) { return self(p)->open(error); };
        t.produce = [](volley_producer* p, const volley_record* records, std::uint32_t count,
                       std::uint32_t stride, std::uint32_t* accepted, volley_error* error) {
            return self(p)->produce(records, count, stride, accepted, error);
        };
        if (polled) {
            t.poll = [](volley_producer* p, std::uint32_t, volley_error*) {
                if (self(p)->breaks(Breach::producer_poll_unknown_status)) return unknown_status;
                self(p)->poll();
                return std::int32_t{VOLLEY_OK};
            };
            t.flush = [](volley_producer* p, std::uint32_t, volley_error*) { return self(p)->flush(); };
        }
        t.close = [](volley_producer* p, std::uint32_t, volley_error*) { return self(p)->close(); };
        t.destroy = [](volley_producer* p) { delete self(p); };
        t.get_extension = &extension;
        return t;
    }();
    return &table;
}

}  // namespace

const volley_ext_atomic* atomic_functions(bool posts) { return posts ? atomic<true>() : atomic<false>(); }

const volley_producer_class* producer_functions(bool polled) {
    return polled ? functions<true>() : functions<false>();
}

}  // namespace simulation
