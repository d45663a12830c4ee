// A function of an embedding program has as many messages at work as the configuration says.
#include <atomic>
#include <catch2/catch.hpp>

#include "scripted.hpp"

using scripted::script;
using scripted::Script;

TEST_CASE("a function is called from as many threads as its component has messages at work") {
    Script now;
    now.messages = 12;
    script = &now;
    std::atomic<int> at_work{0};
    std::atomic<bool> together{true};
    const auto engine = scripted::make_engine("", ", order: none, workers: 2, concurrency: 3",
                                              [&](const volley::Message&, volley::Outputs&) {
                                                  ++at_work;
                                                  if (!scripted::wait_until([&] { return at_work >= 6; }))
                                                      together = false;
                                              });
    const auto ended = scripted::run_until(*engine, [&] {
        const std::lock_guard lock(now.mutex);
        return now.acked == now.messages;
    });
    CHECK(ended.code == 0);
    CHECK(together);
    CHECK(at_work == 12);
}
