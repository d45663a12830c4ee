// Calls a handler class in a unit test: a message in, its outputs and its verdict out. Needs no engine, no
// queue and no shared object. Header-only, C++17.
//
//     volley::testing::HandlerTest<Ship> ship;
//     const auto result = ship.handle(R"({"id": 1})");
//     assert(result.verdict == volley::testing::Verdict::done);
//     assert(result.outputs.at(0).queue == "shipments");
//
// The test calls the handler through the same functions as the engine. To test a component with its
// configuration, retries and dead letters, use `volley test`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "volley/handler.hpp"

namespace volley {
inline namespace v1 {
namespace testing {

// The settings of a handler.
struct HandlerSettings {
    // Its `config:`, by key: {{"limit", "100"}}. All values are text.
    std::map<std::string, std::string> config = {};
    // The component's outputs. Empty: the handler may send to any queue, and send_all sends to none.
    std::vector<std::string> outputs = {};
    std::string component = "test";
    std::string app = "test";
    std::string base_dir = "/";
};

// The message for a handler. nullopt: the message has none.
struct TestMessage {
    std::optional<std::string> body = std::nullopt;  // nullopt: a tombstone
    std::optional<std::string> key = std::nullopt;
    std::vector<Header> headers = {};
    std::uint32_t attempt = 1;
    std::string id = "1";
    std::string source = {};
    std::int64_t timestamp_ms = 0;
    std::int32_t partition = -1;
    std::int64_t offset = -1;
    bool is_cancelled = false;  // what Outputs::cancelled() returns
};

// A record as its store would get it: with the input's key and headers if the handler sets none.
struct Output {
    std::string queue;
    std::optional<std::string> body;
    std::optional<std::string> key;
    std::vector<Header> headers;
    std::int32_t partition = -1;
    std::uint64_t delay_ms = 0;
};

enum class Verdict : std::uint8_t {
    done,
    dropped,
    retry,           // tried again, unless its attempts are used up
    failed,          // permanently: it can never succeed
    instance_failed  // volley::Error with fatal, config, fenced or unauthorized: the instance failed, not the
                     // message
};

struct HandlerResult {
    Verdict verdict = Verdict::done;
    std::string why;  // the text of the handler's exception; empty: none
    std::uint64_t retry_after_ms = 0;
    std::vector<Output> outputs;  // none unless the verdict is done: the engine would send none
};

namespace detail {

// One message in the handler.
struct Call {
    const HandlerSettings* settings = nullptr;
    const TestMessage* message = nullptr;
    std::vector<Output> outputs;
    std::string why;
    std::string refusal;  // of an output; it fails the message, even if the handler catches it
};

inline std::optional<std::string> text_or_nothing(const volley_view& view) {
    if (is_absent(view)) return std::nullopt;
    return std::string(text_of(view));
}

inline std::vector<Header> headers_of(const volley_record& record) {
    std::vector<Header> out;
    for (const HeaderView header : Headers(record.headers, record.header_count)) {
        out.push_back({std::string(header.name), std::nullopt});
        if (header.value) out.back().value = std::string(*header.value);
    }
    return out;
}

inline Output output_of(const Call& call, std::string queue, const volley_record& record) {
    Output out{std::move(queue),
               text_or_nothing(record.body),
               text_or_nothing(record.key),
               headers_of(record),
               record.partition,
               record.delay_ms};
    if (!out.key && (record.flags & VOLLEY_RECORD_OWN_KEY) == 0) out.key = call.message->key;
    if (out.headers.empty() && (record.flags & VOLLEY_RECORD_OWN_HEADERS) == 0)
        out.headers = call.message->headers;
    return out;
}

inline Call& call_of(volley_job* job) { return *reinterpret_cast<Call*>(job); }

inline std::int32_t emit(void*, volley_job* job, volley_view queue, const volley_record* record,
                         std::uint32_t, volley_error* error) {
    Call& call = call_of(job);
    const std::vector<std::string>& known = call.settings->outputs;
    if (is_absent(queue)) {
        for (const std::string& name : known) call.outputs.push_back(output_of(call, name, *record));
        return VOLLEY_OK;
    }
    const std::string name(text_of(queue));
    bool is_known = known.empty();
    for (const std::string& one : known) is_known = is_known || one == name;
    if (!is_known) {
        call.refusal = "the component has no output \"" + name + "\"";
        return volley_fail(error, VOLLEY_E_PERMANENT, call.refusal.c_str());
    }
    call.outputs.push_back(output_of(call, name, *record));
    return VOLLEY_OK;
}

// The engine's services for a handler that runs in a test.
class Host {
public:
    explicit Host(const HandlerSettings& settings) : settings_(settings) {
        host_.struct_size = sizeof host_;
        host_.abi_minor = VOLLEY_ABI_MINOR;
        host_.message_size = sizeof(volley_message);
        host_.record_size = sizeof(volley_record);
        host_.context = this;
        host_.name = "test";
        host_.version = "0.0.0";
        host_.log_level = [](const volley_host*) { return std::uint32_t{VOLLEY_TRACE}; };
        host_.log = [](const volley_host* h, std::uint32_t, volley_view text, const volley_header*,
                       std::uint32_t) { of(h).log_.emplace_back(text_of(text)); };
        host_.metric = [](const volley_host* h, std::uint32_t, const char*, const char*, const volley_header*,
                          std::uint32_t) {
            return reinterpret_cast<volley_metric*>(&of(h));  // one for all, because nothing reads them
        };
        host_.metric_add = [](volley_metric*, double) {};
        host_.metric_set = [](volley_metric*, double) {};
        host_.allocate = [](const volley_host*, std::size_t size) { return std::malloc(size); };
        host_.deallocate = [](const volley_host*, void* memory) { std::free(memory); };
        host_.wake = [](const volley_host*) {};
        host_.health = [](const volley_host*, std::uint32_t, volley_view) {};
        host_.config = [](const volley_host* h, const char* key, std::int32_t* type, volley_view* value) {
            std::string_view name = key;
            if (!name.empty() && name.front() == '/') name.remove_prefix(1);
            const auto found = of(h).settings_.config.find(std::string(name));
            if (found == of(h).settings_.config.end()) return std::int32_t{0};
            *type = VOLLEY_JSON_STRING;
            *value = view_of(found->second);
            return std::int32_t{1};
        };
        host_.get_extension = [](const volley_host*, const char*) -> const void* { return nullptr; };
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    const volley_host* get() const { return &host_; }
    const std::vector<std::string>& log() const { return log_; }

private:
    static Host& of(const volley_host* host) { return *static_cast<Host*>(host->context); }

    const HandlerSettings& settings_;
    volley_host host_{};
    std::vector<std::string> log_;
};

inline std::string json_of(const std::map<std::string, std::string>& config) {
    std::string out = "{";
    const auto append = [&out](std::string_view text) {
        constexpr std::string_view digits = "0123456789abcdef";
        out += '"';
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            if (byte < 0x20) {
                out += "\\u00";
                out += digits[byte >> 4U];
                out += digits[byte & 0xFU];
                continue;
            }
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        out += '"';
    };
    for (const auto& [key, value] : config) {
        if (out.size() > 1) out += ',';
        append(key);
        out += ':';
        append(value);
    }
    return out + '}';
}

}  // namespace detail

// An instance of the handler class T, like a worker's. Use it from one thread.
template <typename T>
class HandlerTest {
public:
    // Creates the handler. Throws volley::Error if its constructor fails.
    explicit HandlerTest(HandlerSettings settings = {})
        : settings_(std::move(settings)), config_(detail::json_of(settings_.config)), host_(settings_) {
        jobs_.struct_size = sizeof jobs_;
        jobs_.emit = &detail::emit;
        jobs_.explain = [](void*, volley_job* job, volley_view text) {
            detail::call_of(job).why = std::string(text_of(text));
        };
        jobs_.finish = [](void*, volley_job*, std::int32_t, std::uint64_t) {};
        jobs_.finish_for = [](void*, volley_job*, std::int32_t, std::uint64_t, std::uint32_t) {};
        jobs_.cancelled = [](void*, volley_job* job) {
            return static_cast<std::int32_t>(detail::call_of(job).message->is_cancelled);
        };
        volley_options options{};
        options.struct_size = sizeof options;
        options.config = view_of(config_);
        options.queue = options.component = view_of(settings_.component);
        options.base_dir = view_of(settings_.base_dir);
        options.app = view_of(settings_.app);
        volley_error error = empty_error();
        const std::int32_t status = functions_.create(host_.get(), &options, &jobs_, &handler_, &error);
        if (status != VOLLEY_OK) throw Error(static_cast<ErrorCode>(status), error.text, error.field);
    }
    // Calls shutdown(), as the engine does at its end.
    ~HandlerTest() {
        volley_error error = empty_error();
        functions_.close(handler_, 0, &error);
        functions_.destroy(handler_);
    }
    HandlerTest(const HandlerTest&) = delete;
    HandlerTest& operator=(const HandlerTest&) = delete;

    // Calls the handler with one message.
    HandlerResult handle(const TestMessage& message) {
        std::vector<volley_header> headers;
        for (const Header& header : message.headers) headers.push_back(header_of(header));
        const volley_message incoming = incoming_of(message, headers);
        detail::Call call;
        call.settings = &settings_;
        call.message = &message;
        volley_task task{};
        task.job = reinterpret_cast<volley_job*>(&call);
        task.message = &incoming;
        task.attempt = message.attempt;
        volley_error error = empty_error();
        const std::int32_t status = functions_.handle(handler_, &task, 1, sizeof task, &error);
        if (status < 0) return {Verdict::instance_failed, error.text, 0, {}};
        return result_of(task, std::move(call));
    }

    // A message with only a body.
    HandlerResult handle(std::string body) {
        TestMessage message;
        message.body = std::move(body);
        return handle(message);
    }

    // The lines that the handler logged through its Context.
    const std::vector<std::string>& log() const { return host_.log(); }

private:
    static volley_error empty_error() {
        volley_error error{};
        error.struct_size = sizeof error;
        return error;
    }

    static volley_message incoming_of(const TestMessage& message, const std::vector<volley_header>& headers) {
        volley_message out{};
        if (message.body) out.body = view_of(*message.body);
        if (message.key) out.key = view_of(*message.key);
        if (!message.id.empty()) out.id = view_of(message.id);
        if (!message.source.empty()) out.source = view_of(message.source);
        out.headers = headers.data();
        out.header_count = static_cast<std::uint32_t>(headers.size());
        out.delivery_count = 1;
        out.timestamp_ms = message.timestamp_ms;
        out.offset = message.offset;
        out.partition = message.partition;
        return out;
    }

    static HandlerResult result_of(const volley_task& task, detail::Call call) {
        HandlerResult out;
        out.why = std::move(call.why);
        if (task.status == VOLLEY_OK && call.refusal.empty()) {
            out.outputs = std::move(call.outputs);
        } else if (task.status == VOLLEY_OK) {
            out.verdict = Verdict::failed;
            out.why = std::move(call.refusal);
        } else if (task.status == VOLLEY_DROP) {
            out.verdict = Verdict::dropped;
        } else if (task.status == VOLLEY_E_RETRY) {
            out.verdict = Verdict::retry;
            out.retry_after_ms = task.retry_after_ms;
        } else {
            out.verdict = Verdict::failed;
        }
        return out;
    }

    static constexpr volley_handler_class functions_ = handler_functions<T>();

    HandlerSettings settings_;
    std::string config_;
    detail::Host host_;
    volley_jobs jobs_{};
    volley_handler* handler_ = nullptr;
};

}  // namespace testing
}  // namespace v1
}  // namespace volley
