// Checks of the life of an instance: create, open, close, destroy, what is left behind, and threads.
#include <thread>

#include "plugin_check/any_life.hpp"
#include "plugin_check/resources.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

Verdict create_and_destroy(const Setting& setting, const Setting&) {
    with_life(setting, [&](auto& first) {
        first.must_create();
        first.destroy();
        first.must_create();
        with_life(setting, [&](auto& second) {
            second.must_create();
            second.destroy();
        });
        first.destroy();
    });
    return conformance::passed();
}

Verdict create_is_quiet(const Setting& setting, const Setting&) {
    if (setting.kind == VOLLEY_KIND_HANDLER) inapplicable("a handler may do so");
    with_life(setting, [&](auto& life) {
        life.must_create();
        life.destroy();
        const Resources before = resources();
        life.must_create();
        const Resources after = resources();
        require(after.threads <= before.threads,
                "create has started " + std::to_string(after.threads - before.threads) + " threads",
                "start them in open: create runs for every check of a configuration");
        if (after.descriptors > before.descriptors)
            doubt("create has opened " + std::to_string(after.descriptors - before.descriptors) +
                      " descriptors",
                  "connect in open: create does no I/O");
        life.destroy();
    });
    return conformance::passed();
}

// Every order that the header allows, but those that need a failure: open-fails has them.
Verdict lifecycle(const Setting& setting, const Setting&) {
    with_life(setting, [&](auto& life) {
        for (int round = 0; round < 2; ++round) {
            life.must_create();
            life.destroy();
            life.must_create();
            before_open(life);
            life.must_open();
            life.end();
        }
        with_life(setting, [&](auto& other) {  // two at a time, ended in the order of their creation
            life.must_create();
            other.must_create();
            before_open(life);
            life.must_open();
            before_open(other);
            other.must_open();
            life.end();
            other.end();
        });
    });
    return conformance::passed();
}

Verdict open_fails(const Setting& setting, const Setting&) {
    std::string came = "it opened without a descriptor";
    with_life(setting, [&](auto& life) {
        life.must_create();
        life.destroy();
        const Resources before = resources();
        for (int round = 0; round < 3; ++round) {
            life.must_create();
            before_open(life);
            Outcome opened;
            without_descriptors([&] { opened = life.open(); });
            if (!opened.ok()) came = opened.words();
            if (opened.ok() && round < 2) {
                life.end();
            } else if (round == 0) {
                life.destroy();  // after a failed open
            } else {
                if (!opened.ok()) {
                    if (opened.status != VOLLEY_E_RETRY) {
                        life.destroy();
                        break;
                    }
                    life.must_open();  // again, on the same instance
                }
                life.end();
            }
        }
        require(threads_end(before.threads), "after destroy there are more threads than before create",
                "end the threads in destroy, also after a failed open");
        const Resources after = resources();
        require(after.descriptors <= before.descriptors,
                "a failed open leaves " + std::to_string(after.descriptors - before.descriptors) +
                    " descriptors behind",
                "close in destroy what a failed open has opened");
    });
    return conformance::passed(came);
}

// Returns by how many bytes the rounds let the process grow. Ends the child if they leave threads or
// descriptors.
template <typename Round>
std::size_t growth(int rounds, const std::string& all, Round& round) {
    const Resources before = resources();
    for (int i = 0; i < rounds; ++i) round();
    require(threads_end(before.threads), "after " + all + " there are more threads",
            "end all threads in destroy");
    const Resources after = resources();
    require(after.descriptors <= before.descriptors,
            all + " leave " + std::to_string(after.descriptors - before.descriptors) + " descriptors",
            "close them in destroy");
    return after.memory_bytes > before.memory_bytes ? after.memory_bytes - before.memory_bytes : 0;
}

// A leak grows with the rounds. What the allocator and a library's first use of something keep does not: a
// growth that may be either is measured again with ten times the rounds.
template <typename Round>
void repeat(int rounds, const std::string& what, Round&& round) {
    constexpr std::size_t most_bytes = 8;  // a round; malloc gives out 24 at least
    for (int i = 0; i < rounds / 4; ++i) round();
    for (const int times : {rounds, 10 * rounds}) {
        const std::string all = std::to_string(times) + " rounds of " + what;
        const std::size_t bytes = growth(times, all, round);
        if (bytes <= most_bytes * static_cast<std::size_t>(times)) return;
        require(times == rounds, all + " leak " + std::to_string(bytes) + " bytes",
                "free everything in destroy; a build with -fsanitize=leak shows where it was allocated");
    }
}

Verdict leaks(const Setting& setting, const Setting&) {
    with_life(setting, [&](auto& life) {
        life.keep_host();
        const Outcome first = life.create();
        if (!first.ok() && !setting.has_config)
            inapplicable("create needs a configuration: " + first.words() + "; give --config");
        if (first.ok()) life.destroy();
        repeat(100, "create and destroy", [&] {
            life.must_create();
            life.destroy();
        });
        if (!setting.is_live()) return;
        repeat(20, "create, open, close and destroy", [&] {
            life.must_create();
            before_open(life);
            life.must_open();
            life.end();
        });
    });
    return conformance::passed(setting.is_live() ? "" : "without open: there is no --config");
}

// As in the engine: created by one thread, opened and closed by a second, destroyed by the first.
Verdict threads(const Setting& setting, const Setting&) {
    with_life(setting, [&](auto& life) {
        life.must_create();
        std::thread([&] {
            before_open(life);
            life.must_open();
            const auto taking_signals = threads_without_blocked_signals();
            require(taking_signals.empty(),
                    std::to_string(taking_signals.size()) + " of its threads do not block signals",
                    "block all signals before a thread is started: SIGTERM is volleyd's");
            life.close();
        }).join();
        life.destroy();
    });
    return conformance::passed();
}

}  // namespace

std::vector<Check> instance_checks() {
    return {
        {"create", "Instances are created and destroyed without open, also two at a time", Of::any_class,
         false, &create_and_destroy},
        {"create-is-quiet", "create starts no threads and opens nothing", Of::any_class, false,
         &create_is_quiet},
        {"lifecycle", "create, open, close and destroy, in each order that is allowed", Of::any_class, true,
         &lifecycle},
        {"open-fails", "An open that fails gives a text, leaves nothing behind and may be repeated",
         Of::any_class, true, &open_fails},
        {"leaks", "100 rounds of create and destroy, and 20 with open, leave no memory, descriptor or thread",
         Of::any_class, false, &leaks},
        {"threads", "The threads of the calls are the engine's; threads of the plugin block signals",
         Of::any_class, true, &threads},
    };
}

}  // namespace volley::cli::plugin_check
