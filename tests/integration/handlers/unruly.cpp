// Connectors and handlers that break one rule of the ABI each, by the key `breaks` of their configuration.
// They note what was acked, so that a test can tell that nothing was.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "volley/plugin.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::int32_t unknown_status = 99;
constexpr int messages = 20;
constexpr std::string_view body = "{\"n\": 1}";

class Rules {
public:
    explicit Rules(const volley::Context& context)
        : folder_(context.base_dir()), broken_(context.config("breaks", "")) {}
    bool breaks(std::string_view rule) const { return broken_ == rule; }
    // The status to return from a call: unknown if that is the rule to break.
    std::int32_t status_of(std::string_view call) const {
        return broken_ == "status of " + std::string(call) ? unknown_status : VOLLEY_OK;
    }
    void note(const std::string& file, const std::string& line) const {
        std::ofstream(folder_ / file, std::ios::app) << line << std::endl;
    }

private:
    std::filesystem::path folder_;
    std::string broken_;
};

// A queue of twenty messages, or a log of them if what it breaks is a rule of partitions.
class Input {
public:
    explicit Input(const volley::Context& context) : rules_(context) {}

    std::int32_t open() { return rules_.status_of("open"); }

    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms) {
        if (next_ > 0) {
            if (const std::int32_t status = rules_.status_of("consume"); status != VOLLEY_OK) return status;
        }
        announce();
        if (rules_.breaks("revokes what is not assigned") && next_ > 0) revoke(7);
        if (rules_.breaks("announces from another thread") && next_ > 0)
            std::thread([this] { revoke(0); }).join();
        while (batch.count < batch.capacity && next_ < messages) {
            fill(volley::element(batch.messages, batch.message_size, batch.count++));
            if (rules_.breaks("an error with messages") && batch.count == 3)
                throw volley::Error(volley::ErrorCode::retry, "the connection broke");
        }
        if (rules_.breaks("too many messages")) batch.count = batch.capacity + 1;
        if (batch.count == 0)
            std::this_thread::sleep_for(std::chrono::milliseconds(std::min(timeout_ms, 5U)));
        return VOLLEY_OK;
    }

    std::int32_t settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
        if (const std::int32_t status = rules_.status_of("settle"); status != VOLLEY_OK) return status;
        if (rules_.breaks("revokes inside of settle")) revoke(0);
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_settlement& s = volley::element(settlements, stride, i);
            s.result = rules_.status_of("a result of settle");
            // On a log an ack only closes the delivery.
            if (s.outcome == VOLLEY_ACK && s.result == VOLLEY_OK && !is_log()) rules_.note("acked", "");
        }
        return VOLLEY_OK;
    }

    std::int32_t commit() {
        if (const std::int32_t status = rules_.status_of("commit"); status != VOLLEY_OK) return status;
        rules_.note("acked", "");
        return VOLLEY_OK;
    }

    void close(std::uint32_t) { rules_.note("closed", ""); }

    const void* extension(std::string_view id) {
        if (is_log() && id == VOLLEY_EXT_LOG) return &log_table;
        if (is_log() && id == VOLLEY_EXT_PARTITIONS) return &partitions_table;
        return nullptr;
    }

private:
    static Input& self(volley_consumer* consumer) { return volley::detail::self<Input>(consumer); }
    static const volley_ext_log log_table;
    static const volley_ext_partitions partitions_table;

    bool is_log() const {
        return rules_.breaks("revokes what is not assigned") || rules_.breaks("revokes inside of settle") ||
               rules_.breaks("announces from another thread") || rules_.breaks("status of commit");
    }

    void announce() {
        volley_partition p{};
        p.epoch = 1;
        if (listener_ != nullptr && next_ == 0) listener_->assigned(listener_->context, &p, 1, sizeof p);
    }
    void revoke(std::int32_t partition) {
        volley_partition p{};
        p.partition = partition;
        p.epoch = 1;
        listener_->revoked(listener_->context, &p, 1, sizeof p, 0);
    }
    void fill(volley_message& m) {
        m.handle = static_cast<std::uint64_t>(next_);
        m.body = volley::view_of(body);
        if (is_log()) {
            m.partition = 0;
            m.offset = next_;
            m.epoch = 1;
        }
        ++next_;
    }

    Rules rules_;
    const volley_partition_events* listener_ = nullptr;
    int next_ = 0;
};

const volley_ext_log Input::log_table{
    sizeof(volley_ext_log), 0,
    [](volley_consumer* c, const volley_partition*, std::uint32_t count, std::uint32_t, std::int32_t,
       std::uint32_t, volley_error*) { return count == 0 ? std::int32_t{VOLLEY_OK} : self(c).commit(); }};
const volley_ext_partitions Input::partitions_table{
    sizeof(volley_ext_partitions), 0,
    [](volley_consumer* c, const volley_partition_events* events) { self(c).listener_ = events; }, nullptr,
    nullptr};

// Keeps nothing. Reports from produce, or from flush.
class Output {
public:
    Output(const volley::Context& context, volley_report_fn report_function, void* report_context)
        : rules_(context), report_(report_function), report_context_(report_context) {}
    ~Output() {
        if (late_.joinable()) late_.join();
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    std::int32_t open() { return rules_.status_of("open"); }

    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted) {
        if (const std::int32_t status = rules_.status_of("produce"); status != VOLLEY_OK) return status;
        for (; accepted < count; ++accepted)
            tokens_.push_back(volley::element(records, stride, accepted).token);
        if (rules_.breaks("too many accepted")) accepted = count + 1;
        const bool reports = !rules_.breaks("status of poll") && !rules_.breaks("status of flush") &&
                             !rules_.breaks("too many accepted") && !rules_.breaks("no reports");
        if (reports) report_all();
        return VOLLEY_OK;
    }
    std::int32_t poll(std::uint32_t) { return rules_.status_of("poll"); }
    std::int32_t flush(std::uint32_t) { return rules_.status_of("flush"); }

    // A thread that goes on reporting.
    void close(std::uint32_t) {
        if (!rules_.breaks("reports after close")) return;
        late_ = std::thread([this] {
            std::this_thread::sleep_for(20ms);
            report(1, VOLLEY_OK);
        });
    }

private:
    // A message is acked when all its outputs are reported, so that what is wrong comes before the last.
    void report_all() {
        for (const std::uint64_t token : tokens_) {
            if (rules_.breaks("reports twice")) {
                report(token, VOLLEY_E_RETRY);
                report(token, VOLLEY_E_RETRY);
            }
            if (rules_.breaks("reports what it was not given"))
                report(token + (std::uint64_t{5} << 22U), VOLLEY_OK);
            if (rules_.breaks("reports another's record"))
                report(token + (std::uint64_t{1} << 22U), VOLLEY_OK);
            if (rules_.breaks("reports again later") && reported_ > 0) report(first_, VOLLEY_OK);
            report(token, rules_.status_of("a report"));
            if (reported_++ == 0) first_ = token;
        }
        tokens_.clear();
    }
    void report(std::uint64_t token, std::int32_t status) {
        volley_report r{};
        r.token = token;
        r.status = status;
        r.partition = -1;
        r.offset = -1;
        report_(report_context_, &r, 1, sizeof r);
    }

    Rules rules_;
    volley_report_fn report_;
    void* report_context_;
    std::vector<std::uint64_t> tokens_;
    std::uint64_t first_ = 0;
    int reported_ = 0;
    std::thread late_;
};

std::atomic<bool> failed{false}, gone{false};  // the first handler

// A handler whose thread calls its host after it was destroyed; and one with an unknown status.
class Forgets {
public:
    Forgets(const volley::Context& context, const volley_jobs* jobs) : jobs_(*jobs), rules_(context) {
        if (!rules_.breaks("calls its host after destroy") || failed) return;
        std::thread([host = context.host(), rules = rules_] {
            const auto call = [host] {
                volley_view value{};
                std::int32_t type = 0;
                host->wake(host);
                host->health(host, VOLLEY_UP, volley::view_of(""));
                host->config(host, "breaks", &type, &value);
                host->metric_add(host->metric(host, VOLLEY_COUNTER, "calls_total", "Calls", nullptr, 0), 1);
                host->deallocate(host, host->allocate(host, 100));
            };
            while (!gone) call();
            for (int i = 0; i < 10'000; ++i) call();
            rules.note("forgotten thread ended", "");
        }).detach();
    }
    ~Forgets() { gone = true; }
    Forgets(const Forgets&) = delete;
    Forgets& operator=(const Forgets&) = delete;

    std::int32_t handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride, volley_error* error) {
        if (const std::int32_t status = rules_.status_of("handle"); status != VOLLEY_OK) return status;
        if (rules_.breaks("calls its host after destroy") && !failed.exchange(true))
            return volley_fail(error, VOLLEY_E_FATAL, "its connection is broken");
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_task& task = volley::element(tasks, stride, i);
            volley_record record{};
            record.body = task.message->body;
            record.partition = -1;
            jobs_.emit(jobs_.context, task.job, volley_view{}, &record, sizeof record, nullptr);
            task.status = rules_.status_of("a task");
            if (!rules_.breaks("status of finish")) continue;
            task.status = VOLLEY_PENDING;
            jobs_.finish(jobs_.context, task.job, unknown_status, 0);
        }
        return VOLLEY_OK;
    }

private:
    const volley_jobs& jobs_;
    Rules rules_;
};

constexpr volley_consumer_class input_functions = volley::consumer_functions<Input>();
constexpr volley_producer_class output_functions = volley::producer_functions<Output>();
constexpr volley_handler_class handler_functions = [] {
    volley_handler_class c{};
    c.struct_size = sizeof c;
    c.create = [](const volley_host* host, const volley_options* options, const volley_jobs* jobs,
                  volley_handler** out, volley_error* error) {
        return volley::detail::guard(error, [&] {
            *out = reinterpret_cast<volley_handler*>(new Forgets(volley::Context(host, *options), jobs));
        });
    };
    c.handle = [](volley_handler* handler, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                  volley_error* error) {
        return volley::detail::self<Forgets>(handler).handle(tasks, count, stride, error);
    };
    c.destroy = [](volley_handler* handler) { delete &volley::detail::self<Forgets>(handler); };
    return c;
}();

constexpr volley_class describe(std::uint32_t kind, const char* name, const void* functions) {
    volley_class c{};
    c.struct_size = sizeof c;
    c.kind = kind;
    c.name = name;
    c.functions = functions;
    return c;
}

}  // namespace

VOLLEY_PLUGIN("unruly", "1.0.0", describe(VOLLEY_KIND_CONSUMER, "Input", &input_functions),
              describe(VOLLEY_KIND_PRODUCER, "Output", &output_functions),
              describe(VOLLEY_KIND_HANDLER, "Forgets", &handler_functions));
