// What a plugin sees of the engine: a volley_host and the state behind its functions. Each instance and each
// file has one. Not movable: the plugin keeps its address. Thread: any.
//
// A plugin must not call its host after destroy has returned. If a forgotten thread of the plugin does, its
// calls have no effect: the object whose address the plugin has (HostDesk) is never freed, and the destructor
// waits for calls in progress.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "plugins/instance.hpp"
#include "text/json_text.hpp"
#include "volley/plugin.h"

namespace volley::plugins::detail {

class Host;

// The object behind the address that a plugin has.
struct HostDesk {
    volley_host host{};  // first member, so its address is that of the desk
    std::atomic<Host*> owner{nullptr};
    std::atomic<std::uint32_t> inside{0};  // calls in progress
    std::atomic<bool> told{false};         // a late call was logged
    std::string label;
};

class Host {
public:
    // `label` names the class ("kafka.so:KafkaConsumer") or the file in log lines.
    Host(std::string label, Services services, std::string config_json, std::string value,
         std::string base_dir);
    ~Host();
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    const volley_host* get() const { return &desk_.host; }
    // Returns the options for create. They borrow from this Host. Requires: config_is_object().
    volley_options options() const;
    bool config_is_object() const { return config_.tree.IsObject(); }
    const std::string& label() const { return label_; }

private:
    static std::uint32_t log_level(const volley_host*);
    static void log(const volley_host*, std::uint32_t, volley_view, const volley_header*, std::uint32_t);
    static volley_metric* metric(const volley_host*, std::uint32_t, const char*, const char*,
                                 const volley_header*, std::uint32_t);
    static void metric_add(volley_metric*, double);
    static void metric_set(volley_metric*, double);
    static void* allocate(const volley_host*, std::size_t);
    static void deallocate(const volley_host*, void*);
    static void wake(const volley_host*);
    static void health(const volley_host*, std::uint32_t, volley_view);
    static std::int32_t config(const volley_host*, const char*, std::int32_t*, volley_view*);
    static const void* get_extension(const volley_host*, const char*);
    static void replaced(const volley_host*, std::int32_t);

    static const rapidjson::Value* find(const rapidjson::Value& config, const char* key);
    void count_allocation(double bytes);

    HostDesk& desk_;
    std::string label_;
    Services services_;
    std::string config_json_, value_, base_dir_;
    text::JsonText config_;
    std::mutex texts_mutex_;
    std::map<const rapidjson::Value*, std::string>
        texts_;  // JSON texts that config() returned; they stay valid until destroy
    std::atomic<volley_metric*> allocated_{nullptr};
};

}  // namespace volley::plugins::detail
