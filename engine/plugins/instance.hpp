// Wraps the ABI's C tables in C++ objects, each of which owns an instance and its host. They know nothing
// about delivery: one method call is one call of the plugin, and a negative status becomes an Error whose
// text is the class's label and the plugin's text. Thread: as plugin.h states for each function ([owner],
// [any]); the objects add no locks. A call that breaks the ABI's order (lifecycle.hpp) aborts the process.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "plugins/catalog.hpp"
#include "plugins/lifecycle.hpp"
#include "volley/error.hpp"
#include "volley/plugin.h"

namespace volley::plugins {

// What an instance may use of the engine. Any thread may call the functions until the instance is destroyed.
// They must neither block nor throw. Each may be empty.
struct Services {
    std::string queue = {};  // name in the configuration; for a handler, the component's
    std::string component = {};
    std::string app = {};
    std::function<void()> wake = {};  // "call me soon"
    // The state is VOLLEY_UP, VOLLEY_DEGRADED or VOLLEY_DOWN; the text says why.
    std::function<void(std::uint32_t state, std::string text)> health = {};
    bool for_dead_letters = false;  // the queue keeps dead letters
    // A process of the handler has taken the place of another; `planned`: of a healthy one.
    std::function<void(bool planned)> replaced = {};
};

namespace detail {
class Host;  // an instance's volley_host and the state behind it
}

// Move-only. The destructor destroys the instance, and does not call close. A moved-from object can only be
// destroyed or assigned to.
class Consumer {
public:
    // Checks the configuration and creates the instance, without I/O. Copies all arguments. `value` is the
    // queue's; `base_dir` is absolute.
    static Result<Consumer> create(const PluginClass&, Services, const std::string& config_json,
                                   std::string_view value, const std::string& base_dir);
    Consumer(Consumer&&) noexcept;
    Consumer& operator=(Consumer&&) noexcept;
    ~Consumer();

    Result<void> open();
    // Returns VOLLEY_OK (batch.count may be 0) or VOLLEY_END. Sets batch.count to 0 before the call. If a
    // passing error comes with messages, it becomes fatal.
    Result<std::int32_t> consume(volley_batch& batch, std::uint32_t timeout_ms);
    Result<void> settle(volley_settlement* settlements, std::uint32_t count);
    // Does nothing if the class has no poll.
    Result<void> poll(std::uint32_t timeout_ms);
    bool has_poll() const { return functions_->poll != nullptr; }
    bool can_interrupt() const { return functions_->interrupt != nullptr; }
    // Does nothing if the class has no interrupt. Thread: any.
    void interrupt();
    Result<void> close(std::uint32_t timeout_ms);
    // Returns the table for `id`, or null if this instance does not offer it. Valid until the instance is
    // destroyed.
    const void* extension(const char* id);

    volley_consumer* get() const { return instance_; }
    std::uint64_t flags() const { return class_.flags(); }
    const PluginClass& plugin_class() const { return class_; }

private:
    Consumer() = default;
    PluginClass class_;
    const volley_consumer_class* functions_ = nullptr;
    std::unique_ptr<detail::Host> host_;
    volley_consumer* instance_ = nullptr;
    Lifecycle lifecycle_;
};

// Like Consumer. Thread: the owner's; between open and close any thread, if flags() has VOLLEY_THREAD_SAFE.
class Producer {
public:
    // The plugin calls `report` with `context`, as plugin.h states, until close has returned.
    static Result<Producer> create(const PluginClass&, Services, const std::string& config_json,
                                   std::string_view value, const std::string& base_dir,
                                   volley_report_fn report, void* context);
    Producer(Producer&&) noexcept;
    Producer& operator=(Producer&&) noexcept;
    ~Producer();

    Result<void> open();
    // Returns VOLLEY_OK or VOLLEY_AGAIN. Sets `accepted` in every case, also with an error.
    Result<std::int32_t> produce(const volley_record* records, std::uint32_t count, std::uint32_t& accepted);
    bool has_poll() const { return functions_->poll != nullptr; }
    // Does nothing if the class has no poll.
    Result<void> poll(std::uint32_t timeout_ms);
    bool has_flush() const { return functions_->flush != nullptr; }
    // Returns VOLLEY_OK, at once if the class has no flush, or VOLLEY_AGAIN if the time ran out.
    Result<std::int32_t> flush(std::uint32_t timeout_ms);
    Result<void> close(std::uint32_t timeout_ms);
    const void* extension(const char* id);

    volley_producer* get() const { return instance_; }
    std::uint64_t flags() const { return class_.flags(); }
    const PluginClass& plugin_class() const { return class_; }

private:
    Producer() = default;
    PluginClass class_;
    const volley_producer_class* functions_ = nullptr;
    std::unique_ptr<detail::Host> host_;
    volley_producer* instance_ = nullptr;
    Lifecycle lifecycle_;
};

// Like Consumer. `jobs` must outlive the instance.
class HandlerInstance {
public:
    static Result<HandlerInstance> create(const PluginClass&, Services, const std::string& config_json,
                                          const std::string& base_dir, const volley_jobs* jobs);
    // Creates a handler that is part of the program. `functions` is static and full-size.
    static Result<HandlerInstance> create(const volley_handler_class* functions, Services,
                                          const std::string& config_json, const std::string& base_dir,
                                          const volley_jobs* jobs);
    HandlerInstance(HandlerInstance&&) noexcept;
    HandlerInstance& operator=(HandlerInstance&&) noexcept;
    ~HandlerInstance();

    Result<void> open();
    // Returns VOLLEY_OK, or a status that the ABI does not define for handle. On an error the instance has
    // failed, and the tasks whose status is still VOLLEY_OK must be retried on a new one.
    Result<std::int32_t> handle(volley_task* tasks, std::uint32_t count);
    bool has_poll() const { return functions_->poll != nullptr && functions_->interrupt != nullptr; }
    // As handle(). Requires: has_poll().
    Result<std::int32_t> poll(std::uint32_t timeout_ms);
    // Requires: has_poll(). Thread: any, until the instance is closed.
    void interrupt() const { functions_->interrupt(instance_); }
    Result<void> close(std::uint32_t timeout_ms);
    const void* extension(const char* id);

    volley_handler* get() const { return instance_; }

private:
    HandlerInstance() = default;
    static Result<HandlerInstance> make(std::string label, const volley_handler_class* functions, Services,
                                        const std::string& config_json, const std::string& base_dir,
                                        const volley_jobs* jobs);
    const volley_handler_class* functions_ = nullptr;
    std::unique_ptr<detail::Host> host_;
    volley_handler* instance_ = nullptr;
    Lifecycle lifecycle_;
};

}  // namespace volley::plugins
