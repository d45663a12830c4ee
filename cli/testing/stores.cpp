#include "testing/stores.hpp"

#include <algorithm>
#include <set>

#include "runtime/schedule.hpp"
#include "testing/scenario.hpp"
#include "volley/abi.hpp"

namespace volley::cli::testing {

Scenario* scenario = nullptr;

namespace {

std::optional<std::string> text_or_nothing(const volley_view& view) {
    if (is_absent(view)) return std::nullopt;
    return std::string(text_of(view));
}

class Input {
public:
    explicit Input(const Context&) {
        for (MessageNumber n = 1; n <= scenario->test.given.size(); ++n) {
            ready_.push_back(n);
            ids_.push_back(std::to_string(n));
            headers_.push_back(codec::views_of(scenario->test.given[n - 1].headers));
        }
    }
    void open() {}
    void consume(volley_batch& batch, std::uint32_t timeout_ms) {
        announce();
        watch_time();
        while (batch.count < batch.capacity && !ready_.empty()) {
            fill(element(batch.messages, batch.message_size, batch.count++), ready_.front());
            ready_.pop_front();
        }
        if (batch.count == 0) wait(timeout_ms);
    }
    void poll(std::uint32_t timeout_ms) {
        watch_time();
        wait(timeout_ms);
    }
    void interrupt() {
        const std::lock_guard lock(mutex_);
        is_interrupted_ = true;
        woken_.notify_all();
    }
    void settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_settlement& s = element(settlements, stride, i);
            s.result = VOLLEY_OK;
            const auto number = static_cast<MessageNumber>(s.handle);
            // A log delivers a released message again only to whoever has the partition next.
            if (s.outcome == VOLLEY_RELEASE) {
                if (!scenario->input_is_log)
                    ready_.insert(std::upper_bound(ready_.begin(), ready_.end(), number), number);
                continue;
            }
            over_.insert(number);
            const std::lock_guard lock(scenario->events.mutex);
            scenario->events.settled.push_back(
                {number, s.outcome, s.reason, std::string(text_of(s.text)), scenario->clock.elapsed()});
        }
        if (over_.size() == ids_.size()) scenario->finish();
    }
    void close(std::uint32_t) {}
    const void* extension(std::string_view id) {
        if (id == VOLLEY_EXT_IDENTITY) return &identity_table;
        if (scenario->input_is_log && id == VOLLEY_EXT_LOG) return &log_table;
        if (scenario->input_is_log && id == VOLLEY_EXT_PARTITIONS) return &partitions_table;
        return nullptr;
    }

private:
    static const volley_ext_identity identity_table;
    static const volley_ext_log log_table;
    static const volley_ext_partitions partitions_table;

    void announce() {
        if (listener_ == nullptr || is_assigned_) return;
        is_assigned_ = true;
        volley_partition partition{};
        partition.epoch = 1;
        listener_->assigned(listener_->context, &partition, 1, sizeof partition);
    }
    void fill(volley_message& m, MessageNumber number) {
        const Given& given = scenario->test.given[number - 1];
        m.handle = number;
        if (given.body.kind != Body::Kind::none) m.body = view_of(scenario->bodies[number - 1]);
        if (given.key) m.key = view_of(*given.key);
        m.id = view_of(ids_[number - 1]);
        m.headers = headers_[number - 1].data();
        m.header_count = static_cast<std::uint32_t>(headers_[number - 1].size());
        m.delivery_count = given.delivery_count;
        m.timestamp_ms = runtime::unix_ms();
        if (!scenario->input_is_log) return;
        m.partition = 0;
        m.offset = number - 1;
        m.epoch = 1;
    }
    // At least once a second the engine consumes or polls.
    static void watch_time() {
        if (scenario->clock.elapsed() < scenario->test.within) return;
        scenario->events.is_out_of_time = true;
        scenario->finish();
    }
    void wait(std::uint32_t timeout_ms) {
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, Millis(timeout_ms), [this] { return is_interrupted_; });
        is_interrupted_ = false;
    }

    std::deque<MessageNumber> ready_;  // in order
    std::set<MessageNumber> over_;
    std::deque<std::string> ids_;
    std::vector<std::vector<volley_header>> headers_;
    const volley_partition_events* listener_ = nullptr;
    bool is_assigned_ = false;
    std::mutex mutex_;
    runtime::Condition woken_;
    bool is_interrupted_ = false;
};

const volley_ext_identity Input::identity_table{sizeof(volley_ext_identity), 0,
                                                [](volley_consumer*, volley_view* out, volley_error*) {
                                                    *out = view_of("volley test");
                                                    return std::int32_t{VOLLEY_OK};
                                                }};
const volley_ext_log Input::log_table{
    sizeof(volley_ext_log), 0,
    [](volley_consumer*, const volley_partition*, std::uint32_t, std::uint32_t, std::int32_t, std::uint32_t,
       volley_error*) { return std::int32_t{VOLLEY_OK}; }};
const volley_ext_partitions Input::partitions_table{
    sizeof(volley_ext_partitions), 0,
    [](volley_consumer* c, const volley_partition_events* events) {
        detail::self<Input>(c).listener_ = events;
    },
    nullptr, nullptr};

class Output {
public:
    Output(const Context& context, volley_report_fn report, void* report_context)
        : queue_(context.queue()), report_(report), report_context_(report_context) {}

    void open() {}
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted) {
        const Millis now = scenario->clock.elapsed();
        for (const OutputFault& fault : scenario->test.outages) {
            if (fault.queue == queue_ && now >= fault.from && now < fault.until)
                throw Error(ErrorCode::retry, "the queue is down: the test says so");
        }
        for (; accepted < count; ++accepted) {
            const volley_record& record = element(records, stride, accepted);
            keep(record, now);
            volley_report report{};
            report.token = record.token;
            report.partition = -1;
            report.offset = -1;
            report_(report_context_, &report, 1, sizeof report);
        }
        return VOLLEY_OK;
    }
    void close(std::uint32_t) {}

private:
    void keep(const volley_record& record, Millis now) {
        Stored stored{queue_, text_or_nothing(record.body), text_or_nothing(record.key), {}, {}, now};
        stored.delay = Millis(record.delay_ms);
        for (std::uint32_t i = 0; i < record.header_count; ++i)
            stored.headers.push_back(
                {std::string(text_of(record.headers[i].name)), text_or_nothing(record.headers[i].value)});
        const std::lock_guard lock(scenario->events.mutex);
        scenario->events.stored.push_back(std::move(stored));
    }

    std::string queue_;
    volley_report_fn report_;
    void* report_context_;
};

constexpr volley_consumer_class input_functions = volley::consumer_functions<Input>();
constexpr volley_producer_class output_functions = volley::producer_functions<Output>();
constexpr const char* input_extensions[] = {VOLLEY_EXT_IDENTITY, VOLLEY_EXT_LOG, VOLLEY_EXT_PARTITIONS,
                                            nullptr};

}  // namespace

std::string Stores::add(std::uint32_t kind, std::uint64_t flags, const void* functions) {
    const std::string& class_name = names_.emplace_back("Queue" + std::to_string(names_.size() + 1));
    volley_class& added = classes_.emplace_back();
    added.struct_size = sizeof added;
    added.kind = kind;
    added.flags = flags;
    added.name = class_name.c_str();
    added.functions = functions;
    if (kind == VOLLEY_KIND_CONSUMER) added.extensions = input_extensions;
    list_.push_back(&added);
    return std::string(name) + ".so:" + class_name;
}

std::string Stores::add_input(std::uint64_t flags) {
    constexpr std::uint64_t kept = VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS | VOLLEY_CAN_DELAY | VOLLEY_ORDERED;
    return add(VOLLEY_KIND_CONSUMER, flags & kept, &input_functions);
}

std::string Stores::add_output(std::uint64_t flags) {
    return add(VOLLEY_KIND_PRODUCER, flags & carries, &output_functions);
}

const volley_plugin* Stores::plugin() {
    plugin_.struct_size = sizeof plugin_;
    plugin_.abi_minor = VOLLEY_ABI_MINOR;
    plugin_.name = name;
    plugin_.version = "1.0.0";
    plugin_.class_count = static_cast<std::uint32_t>(list_.size());
    plugin_.classes = list_.data();
    return &plugin_;
}

}  // namespace volley::cli::testing
