// What the engine offers to its operators: the calls behind the API. Each returns at once. Thread: the
// server's.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "log/operating.hpp"
#include "plugins/catalog.hpp"
#include "runtime/snapshot.hpp"
#include "runtime/tap.hpp"
#include "volley/config.hpp"

namespace volley::operations {

// The configuration that is in force, with secrets masked.
struct Configuration {
    struct Value {
        std::string path;    // "/queues/0/type"
        std::string value;   // as in YAML
        std::string origin;  // "volley.yml:3", "environment REDIS_HOST", "default"
    };
    std::string text;  // as --print-config prints it
    std::vector<Value> values;
};

struct Controls {
    // `with_backlog`: a snapshot that is taken a moment later has what the stores say of their queues.
    std::function<runtime::EngineSnapshot(bool with_backlog)> snapshot;
    // Returns whether there is a component of this name.
    std::function<bool(const std::string& component, bool paused)> pause;
    // For the time being, so many workers get messages, or so many messages a second are fetched; 0: no
    // limit. `back_after` 0: until it is lifted. Returns whether there is a component of this name.
    std::function<bool(const std::string& component, std::uint32_t workers,
                       std::chrono::milliseconds back_after)>
        limit_workers;
    std::function<bool(const std::string& component, std::uint32_t per_second,
                       std::chrono::milliseconds back_after)>
        limit_rate;
    // Returns null if there is no component of this name.
    std::function<std::shared_ptr<runtime::Tap>(const std::string& component)> tap;
    // A snapshot that is taken a moment later has the messages in flight.
    std::function<void()> want_in_flight;
    // Returns the number of the request: see ReloadSnapshot.
    std::function<std::uint64_t()> reload;
    std::function<void()> drain;
    // `back_after` 0: the level stays until a reload.
    std::function<void(log::Level level, std::chrono::milliseconds back_after)> set_log_level;
    // May return null.
    std::function<std::shared_ptr<const Configuration>()> configuration;
    // The same with its secrets, to open queues. May return null.
    std::function<std::shared_ptr<const Config>()> queue_config;
    // The plugins of a configuration. Thread: any, also when the engine has ended.
    std::function<std::unique_ptr<plugins::Catalog>(const Config&)> make_catalog;
};

}  // namespace volley::operations
