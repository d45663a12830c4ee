#include "scripted.hpp"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace scripted {

Script* script = nullptr;

std::int32_t Script::answer(const std::string& call) {
    std::int32_t status = VOLLEY_OK;
    {
        const std::lock_guard lock(mutex);
        const int before = calls[call]++;
        const auto found = answers.find(call);
        if (found == answers.end()) return VOLLEY_OK;
        if (before < found->second.after || before >= found->second.after + found->second.times)
            return VOLLEY_OK;
        status = found->second.status;
    }
    if (status < VOLLEY_OK && status >= VOLLEY_E_UNSUPPORTED)
        throw volley::Error(static_cast<volley::ErrorCode>(status), "as the script says: " + call);
    return status;
}

namespace {

class Input {
public:
    explicit Input(volley::Context) : body_(script->body_size, 'x') {}

    void open() {
        script->answer("open input");
        open_ = true;
    }
    std::int32_t consume(volley_batch& batch, std::uint32_t timeout_ms) {
        must_be_open("consume");
        if (paused_) script->breaks("consume of a paused input");
        const std::int32_t status = script->answer("consume");
        if (status != VOLLEY_OK) return status;
        volley_partition p{};
        p.epoch = 1;
        if (listener_ != nullptr && !std::exchange(assigned_, true))
            listener_->assigned(listener_->context, &p, 1, sizeof p);
        if (script->lose.exchange(false)) {
            next_ = script->messages;
            listener_->revoked(listener_->context, &p, 1, sizeof p, 1);
            script->lost = true;
        }
        {
            const std::lock_guard lock(script->mutex);
            std::uint64_t bytes = 0;
            while (batch.count < batch.capacity && next_ < script->messages &&
                   (batch.max_bytes == 0 || bytes < batch.max_bytes)) {
                volley_message& m = volley::element(batch.messages, batch.message_size, batch.count++);
                m.handle = static_cast<std::uint64_t>(next_);
                m.body = volley::view_of(body_);
                bytes += body_.size();
                if (script->log) {
                    m.partition = 0;
                    m.offset = next_;
                    m.epoch = 1;
                }
                if (script->leases) m.lease_ms = 30;
                script->open.insert(m.handle);
                ++script->consumed;
                ++next_;
            }
        }
        if (batch.count == 0) wait(timeout_ms);
        return VOLLEY_OK;
    }
    std::int32_t settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
        must_be_open("settle");
        const std::int32_t status = script->answer("settle");
        if (status != VOLLEY_OK) return status;
        const std::lock_guard lock(script->mutex);
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_settlement& s = volley::element(settlements, stride, i);
            s.result = i == 0 ? script->settle_result : std::int32_t{VOLLEY_OK};
            if (s.result == VOLLEY_E_RETRY) continue;
            if (script->open.erase(s.handle) == 0) script->broken.emplace_back("settled twice");
            if (s.outcome == VOLLEY_ACK && s.result == VOLLEY_OK) ++script->acked;
        }
        return VOLLEY_OK;
    }
    std::int32_t commit(const volley_partition* partitions, std::uint32_t count) {
        must_be_open("commit");
        const std::int32_t status = script->answer("commit");
        if (status != VOLLEY_OK) return status;
        const std::lock_guard lock(script->mutex);
        for (std::uint32_t i = 0; i < count; ++i)
            script->committed = std::max(script->committed.load(), partitions[i].offset);
        return VOLLEY_OK;
    }
    std::int32_t extend(std::int32_t* results, std::uint32_t count) {
        must_be_open("extend");
        const std::int32_t status = script->answer("extend");
        std::fill(results, results + count, VOLLEY_OK);
        return status;
    }
    std::int32_t pause(bool paused) {
        const std::string call = paused ? "pause" : "resume";
        must_be_open(call);
        const std::int32_t status = script->answer(call);
        if (status == VOLLEY_OK) paused_ = paused;
        return status;
    }
    void poll(std::uint32_t timeout_ms) {
        must_be_open("poll");
        wait(timeout_ms);
    }
    void interrupt() {
        const std::lock_guard lock(mutex_);
        interrupted_ = true;
        woken_.notify_all();
    }
    void close(std::uint32_t) {
        must_be_open("close");
        script->answer("close input");
        const std::lock_guard lock(script->mutex);
        if (!script->open.empty()) script->broken.emplace_back("a delivery is open at close");
        open_ = false;
    }
    const void* extension(std::string_view id) {
        if (script->log && id == VOLLEY_EXT_LOG) return &log_table;
        if (script->log && id == VOLLEY_EXT_PARTITIONS)
            return script->pauses ? &pausing_table : &partitions_table;
        if (script->leases && id == VOLLEY_EXT_LEASE) return &lease_table;
        return nullptr;
    }

private:
    static Input& self(volley_consumer* consumer) { return *reinterpret_cast<Input*>(consumer); }
    void must_be_open(const std::string& call) const {
        if (!open_) script->breaks(call + " of a consumer that is not open");
    }
    void wait(std::uint32_t timeout_ms) {
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return interrupted_; });
        interrupted_ = false;
    }
    static const volley_ext_log log_table;
    static const volley_ext_partitions partitions_table;
    static const volley_ext_partitions pausing_table;
    static const volley_ext_lease lease_table;

    std::string body_;
    int next_ = 0;
    bool open_ = false;
    bool paused_ = false;
    bool assigned_ = false;
    const volley_partition_events* listener_ = nullptr;
    std::mutex mutex_;
    std::condition_variable woken_;
    bool interrupted_ = false;
};

const volley_ext_log Input::log_table{
    sizeof(volley_ext_log), 0,
    [](volley_consumer* c, const volley_partition* p, std::uint32_t n, std::uint32_t, std::int32_t,
       std::uint32_t,
       volley_error* e) { return volley::detail::guard(e, [&] { return self(c).commit(p, n); }); }};
const volley_ext_partitions Input::partitions_table{
    sizeof(volley_ext_partitions), 0,
    [](volley_consumer* c, const volley_partition_events* events) { self(c).listener_ = events; }, nullptr,
    nullptr};
const volley_ext_partitions Input::pausing_table{
    sizeof(volley_ext_partitions), 0, partitions_table.listen,
    [](volley_consumer* c, const volley_partition*, std::uint32_t, std::uint32_t, volley_error* e) {
        return volley::detail::guard(e, [&] { return self(c).pause(true); });
    },
    [](volley_consumer* c, const volley_partition*, std::uint32_t, std::uint32_t, volley_error* e) {
        return volley::detail::guard(e, [&] { return self(c).pause(false); });
    }};
const volley_ext_lease Input::lease_table{
    sizeof(volley_ext_lease), 0,
    [](volley_consumer* c, const std::uint64_t*, std::int32_t* results, std::uint32_t n, std::uint32_t,
       volley_error* e) { return volley::detail::guard(e, [&] { return self(c).extend(results, n); }); }};

class Output {
public:
    Output(volley::Context context, volley_report_fn report_function, void* report_context)
        : queue_(context.queue()), report_(report_function), report_context_(report_context) {}

    void open() {
        script->answer("open " + queue_);
        open_ = true;
    }
    std::int32_t produce(const volley_record* records, std::uint32_t count, std::uint32_t stride,
                         std::uint32_t& accepted) {
        must_be_open("produce");
        const std::int32_t status = script->answer("produce " + queue_);
        if (status != VOLLEY_OK) return status;
        for (; accepted < count; ++accepted) {
            const volley_record& record = volley::element(records, stride, accepted);
            hold(record);
            switch (script->reports) {
                case Reports::twice:
                    report(record.token);
                    break;
                case Reports::of_another:
                    report(record.token + (std::uint64_t{5} << 22U));
                    break;
                case Reports::of_no_slot:
                    report(record.token | 0x3fffff);
                    break;
                case Reports::of_the_past:
                    if (past_.size() == 100) report(past_.front());
                    past_.push_back(record.token);
                    break;
                default:
                    break;
            }
            const bool held_back = script->reports == Reports::from_poll ||
                                   script->reports == Reports::from_flush ||
                                   script->reports == Reports::when_released;
            if (!held_back) report_held();
        }
        return VOLLEY_OK;
    }
    std::int32_t poll(std::uint32_t) {
        must_be_open("poll");
        const std::int32_t status = script->answer("poll " + queue_);
        if (script->reports == Reports::from_poll || script->released) report_held();
        return status;
    }
    std::int32_t flush(std::uint32_t) {
        must_be_open("flush");
        const std::int32_t status = script->answer("flush " + queue_);
        if (script->reports == Reports::from_flush) report_held();
        return status;
    }
    void close(std::uint32_t) {
        must_be_open("close");
        script->answer("close " + queue_);
        open_ = false;
    }

private:
    void must_be_open(const std::string& call) const {
        if (!open_) script->breaks(call + " of a producer that is not open");
    }
    void hold(const volley_record& record) {
        const std::lock_guard lock(script->mutex);
        held_.emplace_back(record.token, record.body.size);
        ++script->held_records;
        script->held_bytes += record.body.size;
        script->most_held_bytes = std::max(script->most_held_bytes, script->held_bytes);
    }
    void report_held() {
        std::deque<std::pair<std::uint64_t, std::size_t>> held;
        {
            const std::lock_guard lock(script->mutex);
            held.swap(held_);
            for (const auto& [token, size] : held) script->held_bytes -= size;
            script->held_records -= held.size();
        }
        for (const auto& [token, size] : held) report(token);
    }
    void report(std::uint64_t token) {
        volley_report r{};
        r.token = token;
        volley_error error{};
        error.struct_size = sizeof error;
        r.status = volley::detail::guard(&error, [&] { return script->answer("report " + queue_); });
        r.text = volley_text(error.text);
        report_(report_context_, &r, 1, sizeof r);
    }

    std::string queue_;
    volley_report_fn report_;
    void* report_context_;
    bool open_ = false;
    std::deque<std::pair<std::uint64_t, std::size_t>> held_;  // token and size
    std::deque<std::uint64_t> past_;
};

constexpr volley_consumer_class input_functions = volley::consumer_functions<Input>();
constexpr volley_producer_class output_functions = volley::producer_functions<Output>();

volley_class describe(std::uint32_t kind, const char* name, std::uint64_t flags, const void* functions) {
    volley_class c{};
    c.struct_size = sizeof c;
    c.kind = kind;
    c.flags = flags;
    c.name = name;
    c.functions = functions;
    return c;
}

}  // namespace

const volley_plugin* plugin() {
    static const volley_class input = describe(VOLLEY_KIND_CONSUMER, "Input", 0, &input_functions);
    static const volley_class output = describe(VOLLEY_KIND_PRODUCER, "Output", 0, &output_functions);
    static const volley_class safe =
        describe(VOLLEY_KIND_PRODUCER, "SafeOutput", VOLLEY_THREAD_SAFE, &output_functions);
    static const volley_class* const classes[] = {&input, &output, &safe};
    static const volley_plugin description = [] {
        volley_plugin p{};
        p.struct_size = sizeof p;
        p.class_count = 3;
        p.classes = classes;
        p.name = "scripted";
        p.version = "1.0.0";
        return p;
    }();
    return &description;
}

namespace {

// A directory for configurations and crash journals. Removed when the tests end.
struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("volley-scripted." + std::to_string(getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

}  // namespace

std::unique_ptr<volley::Engine> make_engine(const std::string& settings, const std::string& component,
                                            Handler handler) {
    static std::atomic<int> files{0};
    static const Folder folder;
    const std::string file = folder.path / (std::to_string(files++) + ".yml");
    const std::string output = script->thread_safe ? "scripted.so:SafeOutput" : "scripted.so:Output";
    std::ofstream(file) << settings << "operations: off\nstate_dir: .\nqueues:\n"
                        << "  in: {consumer: 'scripted.so:Input'}\n  out: {producer: '" << output
                        << "'}\n  dead: {producer: '" << output << "'}\ncomponents:\n"
                        << "  - {name: move, input: in, outputs: [out], handler: forward" << component
                        << "}\n";
    volley::EngineOptions options;
    options.file = file;
    options.plugins = {{"scripted", plugin()}};
    options.log = false;
    if (handler) options.handlers = {{"move", std::move(handler)}};
    auto engine = volley::Engine::make(std::move(options));
    if (!engine) throw std::runtime_error(engine.error().text);
    return std::move(*engine);
}

bool wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

Ended run_until(volley::Engine& engine, const std::function<bool()>& condition) {
    Ended ended;
    std::atomic<bool> over{false};
    std::thread running([&] {
        ended.code = engine.run();
        over = true;
    });
    wait_until([&] { return over || condition(); });
    engine.stop();
    running.join();
    ended.why_not_ready = engine.status().front().why_not_ready;
    return ended;
}

}  // namespace scripted
