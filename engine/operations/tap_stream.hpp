// The messages of one component as server-sent events, for one client. Secrets are masked. Thread: the
// server's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/secrets.hpp"
#include "runtime/tap.hpp"
#include "volley/config.hpp"

namespace volley::operations {

// "in", "out", "dead"
const char* name_of(runtime::TappedMessage::Direction direction);
std::optional<runtime::TappedMessage::Direction> direction_named(std::string_view name);

class TapStream {
public:
    using Find = std::function<std::shared_ptr<runtime::Tap>(const std::string& component)>;
    using GetConfig = std::function<std::shared_ptr<const Config>()>;

    TapStream(Find find, std::string component, const runtime::Tap::Settings& settings, GetConfig config);
    ~TapStream();  // nothing is copied any more
    TapStream(const TapStream&) = delete;
    TapStream& operator=(const TapStream&) = delete;

    // False: another client watches the component.
    bool is_open() const { return tap_ != nullptr; }
    // One event with what has come since the last one. Goes on with the component that a reload has put in
    // the place of the first.
    std::string events();

private:
    void follow();
    void learn();

    Find find_;
    std::string component_;
    runtime::Tap::Settings settings_;
    GetConfig config_;
    std::shared_ptr<runtime::Tap> tap_;
    std::shared_ptr<const Config> known_;  // whose secrets are known
    config::Secrets secrets_;
};

}  // namespace volley::operations
