// What a plugin may still call when its instance is gone.
#include "plugins/host.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "log/log.hpp"
#include "volley/abi.hpp"
#include "volley/view.hpp"

using namespace volley;
using plugins::detail::Host;

namespace {

// Calls every function. Returns whether the configuration was found.
bool call_all(const volley_host* host) {
    volley_view value{};
    std::int32_t type = 0;
    host->log_level(host);
    host->log(host, VOLLEY_TRACE, view_of("still here"), nullptr, 0);
    host->metric_add(host->metric(host, VOLLEY_COUNTER, "host_calls_total", "Calls", nullptr, 0), 1);
    host->deallocate(host, host->allocate(host, 16));
    host->wake(host);
    host->health(host, VOLLEY_DOWN, view_of("gone"));
    CHECK(host->get_extension(host, "volley.nothing/1") == nullptr);
    return host->config(host, "dsn", &type, &value) == 1;
}

}  // namespace

TEST_CASE("a host does nothing after its instance is destroyed", "[host]") {
    log::configure(log::Level::off, log::Format::text);
    int woken = 0, told = 0;
    plugins::Services services;
    services.wake = [&] { ++woken; };
    services.health = [&](std::uint32_t, const std::string&) { ++told; };
    auto host = std::make_unique<Host>("store.so:Input", services, R"({"dsn": "here"})", "v", "/");
    const volley_host* const kept = host->get();
    CHECK(call_all(kept));
    CHECK(woken == 1);
    CHECK(told == 1);
    host.reset();
    CHECK_FALSE(call_all(kept));
    CHECK(woken == 1);
    CHECK(told == 1);
}

TEST_CASE("a handler's host counts processes that replaced another; other hosts do not offer it", "[host]") {
    log::configure(log::Level::off, log::Format::text);
    std::vector<bool> told;
    plugins::Services services;
    Host other("store.so:Input", services, "{}", "v", "/");
    CHECK(other.get()->get_extension(other.get(), VOLLEY_EXT_RESTARTS) == nullptr);
    services.replaced = [&](bool planned) { told.push_back(planned); };
    auto host = std::make_unique<Host>("work.so:Handler", services, "{}", "v", "/");
    const volley_host* const kept = host->get();
    const volley_options options = host->options();
    const Context context(kept, options);
    context.replaced(true);
    context.replaced(false);
    CHECK(told == std::vector<bool>{true, false});
    const auto* const table =
        static_cast<const volley_ext_restarts*>(kept->get_extension(kept, VOLLEY_EXT_RESTARTS));
    host.reset();
    table->replaced(kept, 1);
    CHECK(told.size() == 2);
    CHECK(kept->get_extension(kept, VOLLEY_EXT_RESTARTS) == nullptr);
}

TEST_CASE("the end of a host waits for the calls that are inside", "[host]") {
    log::configure(log::Level::off, log::Format::text);
    for (int round = 0; round < 50; ++round) {
        std::atomic<bool> gone{false}, over{false}, called{false};
        std::atomic<int> late{0};
        plugins::Services services;
        services.wake = [&] {
            called = true;
            std::this_thread::yield();
            if (gone) ++late;
        };
        auto host = std::make_unique<Host>("store.so:Input", services, "{}", "v", "/");
        const volley_host* const kept = host->get();
        std::thread forgotten([&] {
            while (!over) kept->wake(kept);
        });
        while (!called) std::this_thread::yield();
        host.reset();
        gone = true;
        over = true;
        forgotten.join();
        CHECK(late == 0);
    }
}
