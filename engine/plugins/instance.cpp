#include "plugins/instance.hpp"

#include <utility>

#include "log/log.hpp"
#include "plugins/call_error.hpp"
#include "plugins/config_schema.hpp"
#include "plugins/handler_wrapper.hpp"
#include "plugins/host.hpp"
#include "plugins/wall.hpp"
#include "volley/abi.hpp"

namespace volley::plugins {

namespace {

// The caller's side of volley_error.
class CallError {
public:
    volley_error* get() { return &error_; }

    // Requires: `status` is not a success of the call.
    Error read(const std::string& label, const char* call, std::int32_t status) const {
        return error_of(label, call, status, error_);
    }

private:
    volley_error error_ = empty_error();
};

Result<void> to_result(std::int32_t status, const CallError& error, const detail::Host& host,
                       const char* call) {
    if (status == VOLLEY_OK) return {};
    return error.read(host.label(), call, status);
}

// For a call with a second success status.
Result<std::int32_t> to_result(std::int32_t status, std::int32_t other, const CallError& error,
                               const detail::Host& host, const char* call) {
    if (status == VOLLEY_OK || status == other) return status;
    return error.read(host.label(), call, status);
}

Error config_is_no_object(const std::string& label) {
    return {ErrorCode::config, label + ": `config` is no JSON object"};
}

Result<void> checked(std::int32_t status, const void* instance, const CallError& error,
                     const detail::Host& host) {
    if (status == VOLLEY_OK && instance == nullptr)
        return Error(ErrorCode::fatal, host.label() + ": create succeeded but made nothing");
    return to_result(status, error, host, "create");
}

// The messages of a failed batch would be lost, because they are neither handled nor settled. If the error
// counted as passing, it would be forgotten together with them.
Error with_messages(Error error, std::uint32_t count) {
    if (error.code != ErrorCode::retry && error.code != ErrorCode::unknown && error.code != ErrorCode::lost)
        return error;
    error.code = ErrorCode::fatal;
    error.text += ". consume returned this error and " + std::to_string(count) +
                  " messages: it must return the messages, and the error from the next call";
    return error;
}

template <typename Call>
std::int32_t guarded(CallError& error, Call&& call) {
    return walled(*error.get(), [&] { return call(error.get()); });
}

// For calls that return no status.
template <typename Call>
void guarded(const detail::Host& host, const char* name, Call&& call) {
    CallError error;
    const std::int32_t status = walled(*error.get(), call);
    if (status != VOLLEY_OK)
        log::error(error.read(host.label(), name, status).text, {{"doing", "calling a plugin"}});
}

// Calls an optional function of a table. Succeeds if it is absent.
template <typename Function, typename... Arguments>
Result<void> call(const detail::Host& host, const char* name, Function function, Arguments... arguments) {
    if (function == nullptr) return {};
    CallError error;
    const std::int32_t status = guarded(error, [&](volley_error* e) { return function(arguments..., e); });
    return to_result(status, error, host, name);
}

template <typename Functions, typename Instance>
const void* find_extension(const detail::Host& host, const Functions* functions, Instance* instance,
                           const char* id) {
    const void* found = nullptr;
    if (functions->get_extension != nullptr)
        guarded(host, "get_extension", [&] { found = functions->get_extension(instance, id); });
    return found;
}

template <typename Functions, typename Instance>
void destroy(const detail::Host* host, const Functions* functions, Instance*& instance) {
    if (instance == nullptr) return;
    guarded(*host, "destroy", [&] { functions->destroy(std::exchange(instance, nullptr)); });
}

}  // namespace

// ---- Consumer

Result<Consumer> Consumer::create(const PluginClass& plugin_class, Services services,
                                  const std::string& config_json, std::string_view value,
                                  const std::string& base_dir) {
    Consumer c;
    c.class_ = plugin_class;
    c.functions_ = static_cast<const volley_consumer_class*>(plugin_class.description->functions);
    c.host_ =
        std::make_unique<detail::Host>(plugin_class.label(), std::move(services),
                                       fit_config(plugin_class, config_json), std::string(value), base_dir);
    if (!c.host_->config_is_object()) return config_is_no_object(c.host_->label());
    const volley_options options = c.host_->options();
    CallError error;
    const std::int32_t status = guarded(error, [&](volley_error* e) {
        return c.functions_->create(c.host_->get(), &options, &c.instance_, e);
    });
    if (auto made = checked(status, c.instance_, error, *c.host_); !made) return made.error();
    return c;
}

Consumer::Consumer(Consumer&& other) noexcept
    : class_(std::move(other.class_)),
      functions_(other.functions_),
      host_(std::move(other.host_)),
      instance_(std::exchange(other.instance_, nullptr)),
      lifecycle_(std::move(other.lifecycle_)) {}

Consumer& Consumer::operator=(Consumer&& other) noexcept {
    if (this == &other) return *this;
    destroy(host_.get(), functions_, instance_);
    class_ = std::move(other.class_);
    functions_ = other.functions_;
    host_ = std::move(other.host_);
    instance_ = std::exchange(other.instance_, nullptr);
    lifecycle_ = std::move(other.lifecycle_);
    return *this;
}

Consumer::~Consumer() { destroy(host_.get(), functions_, instance_); }

Result<void> Consumer::open() {
    lifecycle_.opening();
    auto opened = call(*host_, "open", functions_->open, instance_);
    if (opened) lifecycle_.opened();
    return opened;
}

Result<std::int32_t> Consumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    lifecycle_.calling();
    CallError error;
    batch.count = 0;
    const std::int32_t status = guarded(
        error, [&](volley_error* e) { return functions_->consume(instance_, &batch, timeout_ms, e); });
    if (batch.count > batch.capacity)
        return Error(ErrorCode::fatal,
                     host_->label() + ": consume filled more messages than there is room for");
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        volley_message& message = element(batch.messages, batch.message_size, i);
        if (message.headers == nullptr) message.header_count = 0;
    }
    auto result = to_result(status, VOLLEY_END, error, *host_, "consume");
    if (!result && batch.count > 0) return with_messages(result.error(), batch.count);
    return result;
}

Result<void> Consumer::settle(volley_settlement* settlements, std::uint32_t count) {
    lifecycle_.calling();
    CallError error;
    const auto stride = static_cast<std::uint32_t>(sizeof(volley_settlement));
    const std::int32_t status = guarded(
        error, [&](volley_error* e) { return functions_->settle(instance_, settlements, count, stride, e); });
    return to_result(status, error, *host_, "settle");
}

Result<void> Consumer::poll(std::uint32_t timeout_ms) {
    lifecycle_.calling();
    return call(*host_, "poll", functions_->poll, instance_, timeout_ms);
}

void Consumer::interrupt() {
    if (functions_->interrupt == nullptr) return;
    guarded(*host_, "interrupt", [this] { functions_->interrupt(instance_); });
}

Result<void> Consumer::close(std::uint32_t timeout_ms) {
    lifecycle_.closing();
    auto closed = call(*host_, "close", functions_->close, instance_, timeout_ms);
    lifecycle_.closed();
    return closed;
}

const void* Consumer::extension(const char* id) { return find_extension(*host_, functions_, instance_, id); }

// ---- Producer

Result<Producer> Producer::create(const PluginClass& plugin_class, Services services,
                                  const std::string& config_json, std::string_view value,
                                  const std::string& base_dir, volley_report_fn report, void* context) {
    Producer p;
    p.class_ = plugin_class;
    p.functions_ = static_cast<const volley_producer_class*>(plugin_class.description->functions);
    p.host_ =
        std::make_unique<detail::Host>(plugin_class.label(), std::move(services),
                                       fit_config(plugin_class, config_json), std::string(value), base_dir);
    if (!p.host_->config_is_object()) return config_is_no_object(p.host_->label());
    const volley_options options = p.host_->options();
    CallError error;
    const std::int32_t status = guarded(error, [&](volley_error* e) {
        return p.functions_->create(p.host_->get(), &options, report, context, &p.instance_, e);
    });
    if (auto made = checked(status, p.instance_, error, *p.host_); !made) return made.error();
    return p;
}

Producer::Producer(Producer&& other) noexcept
    : class_(std::move(other.class_)),
      functions_(other.functions_),
      host_(std::move(other.host_)),
      instance_(std::exchange(other.instance_, nullptr)),
      lifecycle_(std::move(other.lifecycle_)) {}

Producer& Producer::operator=(Producer&& other) noexcept {
    if (this == &other) return *this;
    destroy(host_.get(), functions_, instance_);
    class_ = std::move(other.class_);
    functions_ = other.functions_;
    host_ = std::move(other.host_);
    instance_ = std::exchange(other.instance_, nullptr);
    lifecycle_ = std::move(other.lifecycle_);
    return *this;
}

Producer::~Producer() { destroy(host_.get(), functions_, instance_); }

Result<void> Producer::open() {
    lifecycle_.opening();
    auto opened = call(*host_, "open", functions_->open, instance_);
    if (opened) lifecycle_.opened();
    return opened;
}

Result<std::int32_t> Producer::produce(const volley_record* records, std::uint32_t count,
                                       std::uint32_t& accepted) {
    lifecycle_.calling();
    CallError error;
    accepted = 0;
    const auto stride = static_cast<std::uint32_t>(sizeof(volley_record));
    const std::int32_t status = guarded(error, [&](volley_error* e) {
        return functions_->produce(instance_, records, count, stride, &accepted, e);
    });
    if (accepted > count) {
        accepted = count;
        return Error(ErrorCode::fatal, host_->label() + ": produce accepted more records than it was given");
    }
    return to_result(status, VOLLEY_AGAIN, error, *host_, "produce");
}

Result<void> Producer::poll(std::uint32_t timeout_ms) {
    lifecycle_.calling();
    return call(*host_, "poll", functions_->poll, instance_, timeout_ms);
}

Result<std::int32_t> Producer::flush(std::uint32_t timeout_ms) {
    lifecycle_.calling();
    if (functions_->flush == nullptr) return std::int32_t{VOLLEY_OK};
    CallError error;
    const std::int32_t status =
        guarded(error, [&](volley_error* e) { return functions_->flush(instance_, timeout_ms, e); });
    return to_result(status, VOLLEY_AGAIN, error, *host_, "flush");
}

Result<void> Producer::close(std::uint32_t timeout_ms) {
    lifecycle_.closing();
    auto closed = call(*host_, "close", functions_->close, instance_, timeout_ms);
    lifecycle_.closed();
    return closed;
}

const void* Producer::extension(const char* id) { return find_extension(*host_, functions_, instance_, id); }

// ---- Handler

namespace {
HandlerWrapper handler_wrapper = nullptr;
}  // namespace

void wrap_handlers(HandlerWrapper wrapper) { handler_wrapper = wrapper; }

Result<HandlerInstance> HandlerInstance::make(std::string label, const volley_handler_class* functions,
                                              Services services, const std::string& config_json,
                                              const std::string& base_dir, const volley_jobs* jobs) {
    HandlerInstance h;
    if (handler_wrapper != nullptr) functions = handler_wrapper(functions);
    h.functions_ = functions;
    if (services.queue.empty()) services.queue = services.component;
    h.host_ =
        std::make_unique<detail::Host>(std::move(label), std::move(services), config_json, "", base_dir);
    if (!h.host_->config_is_object()) return config_is_no_object(h.host_->label());
    volley_options options = h.host_->options();
    options.value = volley_view{};
    CallError error;
    const std::int32_t status = guarded(error, [&](volley_error* e) {
        return functions->create(h.host_->get(), &options, jobs, &h.instance_, e);
    });
    if (auto made = checked(status, h.instance_, error, *h.host_); !made) return made.error();
    return h;
}

Result<HandlerInstance> HandlerInstance::create(const PluginClass& plugin_class, Services services,
                                                const std::string& config_json, const std::string& base_dir,
                                                const volley_jobs* jobs) {
    return make(plugin_class.label(),
                static_cast<const volley_handler_class*>(plugin_class.description->functions),
                std::move(services), fit_config(plugin_class, config_json), base_dir, jobs);
}

Result<HandlerInstance> HandlerInstance::create(const volley_handler_class* functions, Services services,
                                                const std::string& config_json, const std::string& base_dir,
                                                const volley_jobs* jobs) {
    std::string label = "handler of " + services.component;
    return make(std::move(label), functions, std::move(services), config_json, base_dir, jobs);
}

HandlerInstance::HandlerInstance(HandlerInstance&& other) noexcept
    : functions_(other.functions_),
      host_(std::move(other.host_)),
      instance_(std::exchange(other.instance_, nullptr)),
      lifecycle_(std::move(other.lifecycle_)) {}

HandlerInstance& HandlerInstance::operator=(HandlerInstance&& other) noexcept {
    if (this == &other) return *this;
    destroy(host_.get(), functions_, instance_);
    functions_ = other.functions_;
    host_ = std::move(other.host_);
    instance_ = std::exchange(other.instance_, nullptr);
    lifecycle_ = std::move(other.lifecycle_);
    return *this;
}

HandlerInstance::~HandlerInstance() { destroy(host_.get(), functions_, instance_); }

Result<void> HandlerInstance::open() {
    lifecycle_.opening();
    auto opened = call(*host_, "open", functions_->open, instance_);
    if (opened) lifecycle_.opened();
    return opened;
}

Result<std::int32_t> HandlerInstance::handle(volley_task* tasks, std::uint32_t count) {
    lifecycle_.calling();
    CallError error;
    const auto stride = static_cast<std::uint32_t>(sizeof(volley_task));
    const std::int32_t status = guarded(
        error, [&](volley_error* e) { return functions_->handle(instance_, tasks, count, stride, e); });
    if (status == VOLLEY_OK || !is_error_status(status)) return status;
    return error.read(host_->label(), "handle", status);
}

Result<std::int32_t> HandlerInstance::poll(std::uint32_t timeout_ms) {
    lifecycle_.calling();
    CallError error;
    const std::int32_t status =
        guarded(error, [&](volley_error* e) { return functions_->poll(instance_, timeout_ms, e); });
    if (status == VOLLEY_OK || !is_error_status(status)) return status;
    return error.read(host_->label(), "poll", status);
}

Result<void> HandlerInstance::close(std::uint32_t timeout_ms) {
    lifecycle_.closing();
    auto closed = call(*host_, "close", functions_->close, instance_, timeout_ms);
    lifecycle_.closed();
    return closed;
}

const void* HandlerInstance::extension(const char* id) {
    return find_extension(*host_, functions_, instance_, id);
}

}  // namespace volley::plugins
