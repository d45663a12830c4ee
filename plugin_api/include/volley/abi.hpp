// Builds the C ABI's tables from C++ classes with plain methods. Connectors that handle whole batches use
// this layer, and the one-message-at-a-time SDK (plugin.hpp) is built on it. Header-only, C++17.
//
// No exception passes this layer: it becomes a status and a text in volley_error. volley::Error keeps its
// code, RetryLater and Rejected are VOLLEY_E_RETRY and VOLLEY_E_PERMANENT, and std::bad_alloc is
// VOLLEY_E_RETRY. Every other exception is VOLLEY_E_FATAL here, and VOLLEY_E_RETRY in the layers above.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

#include "volley/error.hpp"
#include "volley/outcome.hpp"
#include "volley/plugin.h"
#include "volley/view.hpp"

namespace volley {
inline namespace v1 {

// The context of an instance: its configuration, its names, and the engine's services. A copy may be kept;
// its host is valid until the instance is destroyed. Thread: [any].
class Context {
public:
    Context(const volley_host* host, const volley_options& options)
        : host_(host),
          config_(text_of(options.config)),
          queue_(text_of(options.queue)),
          value_(text_of(options.value)),
          component_(text_of(options.component)),
          flags_(options.flags) {
        if (VOLLEY_HAS(volley_options, &options, base_dir)) base_dir_ = text_of(options.base_dir);
        if (VOLLEY_HAS(volley_options, &options, app)) app_ = text_of(options.app);
    }

    const volley_host* host() const { return host_; }
    const std::string& config_json() const { return config_; }  // the whole `config:` as a JSON object
    const std::string& queue() const { return queue_; }         // the queue's name in the file
    const std::string& value() const { return value_; }         // its name in the store: topic, table…
    const std::string& component() const { return component_; }
    const std::string& base_dir() const { return base_dir_; }  // relative paths are relative to it
    const std::string& app() const { return app_; }

    // The queue keeps dead letters. A producer creates such a queue without a size limit; a consumer's peek
    // hides removed messages.
    bool for_dead_letters() const { return (flags_ & VOLLEY_FOR_DEAD_LETTERS) != 0; }

    // Returns the value of `key` (or of a JSON pointer that starts with '/'): a string unescaped, anything
    // else as JSON text.
    std::optional<std::string> find(const char* key) const {
        volley_view v{};
        std::int32_t type = VOLLEY_JSON_NULL;
        if (host_->config(host_, key, &type, &v) != 1 || type == VOLLEY_JSON_NULL) return std::nullopt;
        return std::string(text_of(v));
    }
    // Throws Error{config} that names the key if it is missing.
    std::string config(const char* key) const {
        if (auto v = find(key)) return *v;
        throw Error(ErrorCode::config, std::string("config: `") + key + "` is missing",
                    std::string("/") + key);
    }
    std::string config(const char* key, std::string_view fallback) const {
        auto v = find(key);
        return v ? *v : std::string(fallback);
    }

    void log(std::uint32_t level, std::string_view text) const {
        if (level >= host_->log_level(host_)) host_->log(host_, level, view_of(text), nullptr, 0);
    }
    void debug(std::string_view text) const { log(VOLLEY_DEBUG, text); }
    void info(std::string_view text) const { log(VOLLEY_INFO, text); }
    void warning(std::string_view text) const { log(VOLLEY_WARNING, text); }
    void error(std::string_view text) const { log(VOLLEY_ERROR, text); }

    // Reports the health for readiness and the dashboard; call it on change. `state` is VOLLEY_UP,
    // VOLLEY_DEGRADED or VOLLEY_DOWN.
    void health(std::uint32_t state, std::string_view text) const {
        host_->health(host_, state, view_of(text));
    }

    // Of a handler whose work is done by processes of its own: one has taken the place of another. `planned`:
    // that one was healthy, and was replaced by design. Does nothing with an engine that does not count them.
    void replaced(bool planned) const {
        const auto* restarts =
            static_cast<const volley_ext_restarts*>(host_->get_extension(host_, VOLLEY_EXT_RESTARTS));
        if (restarts != nullptr && VOLLEY_HAS(volley_ext_restarts, restarts, replaced))
            restarts->replaced(host_, planned ? 1 : 0);
    }

private:
    const volley_host* host_;
    std::string config_, queue_, value_, component_, base_dir_, app_;
    std::uint32_t flags_ = 0;
};

namespace detail {

inline void set_retry_after(volley_error* error, std::uint64_t ms) noexcept {
    constexpr std::uint64_t most = UINT32_MAX;
    if (error && VOLLEY_HAS(volley_error, error, retry_after_ms))
        error->retry_after_ms = static_cast<std::uint32_t>(ms < most ? ms : most);
}

// Runs `body` and converts an exception into a status: one that has no status into `Otherwise`. `body`
// returns a status or nothing (VOLLEY_OK).
template <std::int32_t Otherwise = VOLLEY_E_FATAL, typename Body>
std::int32_t guard(volley_error* error, Body&& body) noexcept {
    try {
        if constexpr (std::is_void_v<decltype(body())>) {
            body();
            return VOLLEY_OK;
        } else {
            return static_cast<std::int32_t>(body());
        }
    } catch (const Error& e) {
        set_retry_after(error, e.retry_after_ms);
        if (error && VOLLEY_HAS(volley_error, error, field)) {
            const std::size_t n =
                e.field.size() < sizeof error->field ? e.field.size() : sizeof error->field - 1;
            std::memcpy(error->field, e.field.data(), n);
            error->field[n] = '\0';
        }
        return volley_fail(error, static_cast<std::int32_t>(e.code), e.text.c_str());
    } catch (const RetryLater& e) {
        set_retry_after(error, e.after_ms);
        return volley_fail(error, VOLLEY_E_RETRY, e.what());
    } catch (const Rejected& e) {
        return volley_fail(error, VOLLEY_E_PERMANENT, e.what());
    } catch (const std::bad_alloc&) {
        return volley_fail(error, VOLLEY_E_RETRY, "out of memory");
    } catch (const std::exception& e) {
        return volley_fail(error, Otherwise, e.what());
    } catch (...) {
        return volley_fail(error, Otherwise, "an exception that is no std::exception left the plugin");
    }
}

// The status for an exception that has none: T::other_exceptions, otherwise VOLLEY_E_FATAL.
template <typename T, typename = void>
struct other_exceptions : std::integral_constant<std::int32_t, VOLLEY_E_FATAL> {};
template <typename T>
struct other_exceptions<T, std::void_t<decltype(T::other_exceptions)>>
    : std::integral_constant<std::int32_t, T::other_exceptions> {};

template <typename T, typename = void>
struct has_poll : std::false_type {};
template <typename T>
struct has_poll<T, std::void_t<decltype(std::declval<T&>().poll(std::uint32_t{}))>> : std::true_type {};
template <typename T, typename = void>
struct has_interrupt : std::false_type {};
template <typename T>
struct has_interrupt<T, std::void_t<decltype(std::declval<T&>().interrupt())>> : std::true_type {};
template <typename T, typename = void>
struct has_flush : std::false_type {};
template <typename T>
struct has_flush<T, std::void_t<decltype(std::declval<T&>().flush(std::uint32_t{}))>> : std::true_type {};
template <typename T, typename = void>
struct has_extension : std::false_type {};
template <typename T>
struct has_extension<T, std::void_t<decltype(std::declval<T&>().extension(std::string_view{}))>>
    : std::true_type {};

template <typename T, typename Instance>
T& self(Instance* instance) {
    return *reinterpret_cast<T*>(instance);
}

// The slots that consumers and producers share.
template <typename T, typename Instance>
struct Slots {
    static std::int32_t open(Instance* i, volley_error* e) {
        return guard<other_exceptions<T>::value>(e, [&] { return self<T>(i).open(); });
    }
    static std::int32_t poll(Instance* i, std::uint32_t timeout_ms, volley_error* e) {
        return guard<other_exceptions<T>::value>(e, [&] { return self<T>(i).poll(timeout_ms); });
    }
    static std::int32_t close(Instance* i, std::uint32_t timeout_ms, volley_error* e) {
        return guard(e, [&] { return self<T>(i).close(timeout_ms); });
    }
    static void destroy(Instance* i) { delete &self<T>(i); }
    // An extension whose lookup fails is not offered.
    static const void* get_extension(Instance* i, const char* id) {
        const void* found = nullptr;
        return guard(nullptr, [&] { found = self<T>(i).extension(id); }) == VOLLEY_OK ? found : nullptr;
    }
};

template <typename T>
struct ConsumerSlots : Slots<T, volley_consumer> {
    static std::int32_t create(const volley_host* h, const volley_options* o, volley_consumer** out,
                               volley_error* e) {
        *out = nullptr;
        return guard(e, [&] { *out = reinterpret_cast<volley_consumer*>(new T(Context(h, *o))); });
    }
    static std::int32_t consume(volley_consumer* i, volley_batch* b, std::uint32_t timeout_ms,
                                volley_error* e) {
        return guard<other_exceptions<T>::value>(e, [&] { return self<T>(i).consume(*b, timeout_ms); });
    }
    static std::int32_t settle(volley_consumer* i, volley_settlement* s, std::uint32_t n,
                               std::uint32_t stride, volley_error* e) {
        return guard<other_exceptions<T>::value>(e, [&] { return self<T>(i).settle(s, n, stride); });
    }
    // A failed interrupt does not end a wait; the next consume reports the error.
    static void interrupt(volley_consumer* i) {
        guard(nullptr, [&] { self<T>(i).interrupt(); });
    }
};

template <typename T>
struct ProducerSlots : Slots<T, volley_producer> {
    static std::int32_t create(const volley_host* h, const volley_options* o, volley_report_fn report,
                               void* context, volley_producer** out, volley_error* e) {
        *out = nullptr;
        return guard(
            e, [&] { *out = reinterpret_cast<volley_producer*>(new T(Context(h, *o), report, context)); });
    }
    static std::int32_t produce(volley_producer* i, const volley_record* r, std::uint32_t n,
                                std::uint32_t stride, std::uint32_t* accepted, volley_error* e) {
        *accepted = 0;
        return guard<other_exceptions<T>::value>(e,
                                                 [&] { return self<T>(i).produce(r, n, stride, *accepted); });
    }
    static std::int32_t flush(volley_producer* i, std::uint32_t timeout_ms, volley_error* e) {
        return guard<other_exceptions<T>::value>(e, [&] { return self<T>(i).flush(timeout_ms); });
    }
};

}  // namespace detail

// The function table of a batch consumer class T, which has:
//     explicit T(Context);                                     no I/O
//     void open();                                             connects
//     int32_t consume(volley_batch&, uint32_t timeout_ms);     also void
//     int32_t settle(volley_settlement*, uint32_t count, uint32_t stride);   also void
//     void close(uint32_t timeout_ms);
// and, each optional: poll(uint32_t timeout_ms); interrupt(); const void* extension(std::string_view id).
// Methods return a status or throw Error. Any other exception of open, poll, consume and settle is
// VOLLEY_E_FATAL, or T::other_exceptions. For threads and semantics, see volley_consumer_class.
template <typename T>
constexpr volley_consumer_class consumer_functions() {
    using S = detail::ConsumerSlots<T>;
    volley_consumer_class c{};
    c.struct_size = sizeof c;
    c.create = &S::create;
    c.open = &S::open;
    c.consume = &S::consume;
    c.settle = &S::settle;
    if constexpr (detail::has_poll<T>::value) c.poll = &S::poll;
    if constexpr (detail::has_interrupt<T>::value) c.interrupt = &S::interrupt;
    c.close = &S::close;
    c.destroy = &S::destroy;
    if constexpr (detail::has_extension<T>::value) c.get_extension = &S::get_extension;
    return c;
}

// The function table of a batch producer class T, which has:
//     T(Context, volley_report_fn report, void* report_context);
//     void open();
//     int32_t produce(const volley_record*, uint32_t count, uint32_t stride, uint32_t& accepted);
//     void close(uint32_t timeout_ms);
// and, each optional: poll(uint32_t timeout_ms); flush(uint32_t timeout_ms); extension(std::string_view id).
template <typename T>
constexpr volley_producer_class producer_functions() {
    using S = detail::ProducerSlots<T>;
    volley_producer_class c{};
    c.struct_size = sizeof c;
    c.create = &S::create;
    c.open = &S::open;
    c.produce = &S::produce;
    if constexpr (detail::has_poll<T>::value) c.poll = &S::poll;
    if constexpr (detail::has_flush<T>::value) c.flush = &S::flush;
    c.close = &S::close;
    c.destroy = &S::destroy;
    if constexpr (detail::has_extension<T>::value) c.get_extension = &S::get_extension;
    return c;
}

}  // namespace v1
}  // namespace volley
