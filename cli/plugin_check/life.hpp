// An instance of a class, from create to destroy. After create has returned, the volley_options that it got
// are overwritten; the texts in it stay. The destructor destroys the instance. Thread: that of the call, as
// plugin.h states; no locks.
#pragma once

#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <tuple>

#include "plugin_check/call.hpp"
#include "plugin_check/setting.hpp"
#include "plugins/config_schema.hpp"

namespace volley::cli::plugin_check {

inline constexpr std::uint32_t close_timeout_ms = 10'000;

inline plugins::Services check_services() {
    plugins::Services services;
    services.queue = "check-queue";
    services.component = "check-component";
    services.app = "volley-check";
    return services;
}

// `Extra` are the arguments of create between the options and the result.
template <typename Table, typename Instance, typename... Extra>
class Life {
public:
    Life(const Setting& setting, const Subject& subject, Extra... extra)
        : setting_(setting),
          subject_(subject),
          table_(*static_cast<const Table*>(subject.known.description->functions)),
          extra_(extra...) {}
    ~Life() {
        if (instance_ != nullptr) destroy();
    }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    // Uses the setting's configuration, with its types fitted to the schema as the engine does.
    Outcome create() { return create(plugins::fit_config(subject_.known, setting_.config), setting_.value); }

    Outcome create(const std::string& config, const std::string& value) {
        if (!host_ || !keeps_host_)
            host_ = std::make_unique<plugins::detail::Host>(subject_.known.label(), check_services(), config,
                                                            value, setting_.base_dir);
        auto options = std::make_unique<volley_options>(host_->options());
        const Outcome made = call(name("create"), {VOLLEY_OK}, [&](volley_error* error) {
            return std::apply(
                [&](auto... extra) {
                    return table_.create(host_->get(), options.get(), extra..., &instance_, error);
                },
                extra_);
        });
        std::memset(static_cast<void*>(options.get()), 0xDD, sizeof *options);
        require(!made.ok() || instance_ != nullptr, name("create") + " succeeded but set no instance",
                "set *out");
        require(made.ok() || instance_ == nullptr, name("create") + " failed but set an instance",
                "leave *out NULL on an error, and free what was made");
        return made;
    }

    // Ends the child if there is no instance afterwards.
    void must_create() {
        const Outcome made = create();
        if (made.ok()) return;
        if (!setting_.has_config)
            inapplicable("create needs a configuration: " + made.words() + "; give --config");
        broken(name("create") + " returned " + made.words(), "correct --config, or accept it");
    }

    Outcome open() {
        if (table_.open == nullptr) return {};
        return call(name("open"), {VOLLEY_OK},
                    [&](volley_error* error) { return table_.open(instance_, error); });
    }

    // Tries again for a while, as the engine does.
    void must_open() {
        const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        Outcome opened = open();
        while (opened.status == VOLLEY_E_RETRY && std::chrono::steady_clock::now() < patience) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            opened = open();
        }
        if (opened.ok()) return;
        if (!setting_.has_config) inapplicable("open returned " + opened.words() + "; give --config");
        broken(name("open") + " returned " + opened.words(),
               "give --config a store that answers, and its credentials");
    }

    void must_start() {
        must_create();
        must_open();
    }

    void close() {
        if (table_.close == nullptr) return;
        const Outcome closed = call(name("close"), {VOLLEY_OK}, [&](volley_error* error) {
            return table_.close(instance_, close_timeout_ms, error);
        });
        require(closed.ok(), name("close") + " returned " + closed.words(),
                "leave the store in good order within timeout_ms");
    }

    void destroy() {
        call_void(name("destroy"), [&] { table_.destroy(instance_); });
        instance_ = nullptr;
    }

    // close, if it was opened, and destroy.
    void end() {
        close();
        destroy();
    }

    const void* extension(const char* id) {
        const void* found = nullptr;
        if (table_.get_extension != nullptr)
            call_void(name("get_extension"), [&] { found = table_.get_extension(instance_, id); });
        return found;
    }

    template <typename Extension>
    const Extension* extension_as(const char* id) {
        return static_cast<const Extension*>(extension(id));
    }

    // One host for all instances: a Host keeps some memory for ever, which would look like a leak.
    void keep_host() { keeps_host_ = true; }

    std::string name(const char* function) const { return setting_.class_name + "'s " + function; }
    Instance* get() const { return instance_; }
    const Table& table() const { return table_; }
    const Setting& setting() const { return setting_; }
    std::uint64_t flags() const { return subject_.known.flags(); }

private:
    const Setting& setting_;
    Subject subject_;
    const Table& table_;
    std::tuple<Extra...> extra_;
    std::unique_ptr<plugins::detail::Host> host_;
    bool keeps_host_ = false;
    Instance* instance_ = nullptr;
};

using ConsumerLife = Life<volley_consumer_class, volley_consumer>;
using ProducerLife = Life<volley_producer_class, volley_producer, volley_report_fn, void*>;
using HandlerLife = Life<volley_handler_class, volley_handler, const volley_jobs*>;

}  // namespace volley::cli::plugin_check
