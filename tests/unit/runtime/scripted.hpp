// A connector that does what a test's script says: it answers its calls with any status, holds its reports
// back, and notes what it was called for and what must not have been. And a whole engine between its two
// ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "volley/engine.hpp"
#include "volley/plugin.hpp"

namespace scripted {

// Where a producer's reports come from.
enum class Reports {
    at_once,
    from_poll,
    from_flush,
    when_released,
    // False ones:
    twice,
    of_another,   // output of the message
    of_no_slot,   // that the engine has
    of_the_past,  // again, when its message is long gone
};

struct Script {
    // What to answer, by call ("settle", "commit"): from the `after`-th on, `times` times.
    struct Answer {
        std::int32_t status = VOLLEY_OK;
        int after = 0;
        int times = 1 << 30;
    };
    std::map<std::string, Answer> answers;
    std::int32_t settle_result = VOLLEY_OK;  // of the first message of each call
    int messages = 100;
    std::size_t body_size = 16;
    bool log = false;
    bool pauses = false;  // a log that can be paused
    bool leases = false;
    bool atomic = false;
    bool thread_safe = false;
    bool endless = false;  // more messages after those that were acked
    Reports reports = Reports::at_once;

    std::mutex mutex;
    std::map<std::string, int> calls;
    std::vector<std::string> broken;  // rules of the ABI
    std::set<std::uint64_t> open;     // deliveries
    std::atomic<int> consumed{0};
    std::atomic<int> acked{0};
    std::atomic<std::int64_t> committed{-1};
    std::size_t held_records = 0, held_bytes = 0, most_held_bytes = 0;  // at the producer, not reported
    std::atomic<bool> released{false};
    std::atomic<bool> lose{false};  // the next consume of a log loses its partition
    std::atomic<bool> lost{false};  // … which it has

    int count(const std::string& call) {
        const std::lock_guard lock(mutex);
        return calls[call];
    }
    // Notes the call. Returns the status, or throws it with a text.
    std::int32_t answer(const std::string& call);
    void breaks(const std::string& rule) {
        const std::lock_guard lock(mutex);
        broken.push_back(rule);
    }
};

// The one that the instances follow; set before an engine is made.
extern Script* script;

const volley_plugin* plugin();

using Handler = std::function<void(const volley::Message&, volley::Outputs&)>;

// Makes an engine: queue `in` to queue `out`, both scripted. `settings` stands on top of the file,
// `component` in the component.
std::unique_ptr<volley::Engine> make_engine(const std::string& settings, const std::string& component,
                                            Handler handler = {});

// Waits for `condition`, half a minute at most. Returns whether it came true.
bool wait_until(const std::function<bool()>& condition);

struct Ended {
    int code = -1;
    std::string why_not_ready;  // of the component, at the end
};
// Runs it until `condition` holds or it ends by itself, and stops it.
Ended run_until(volley::Engine& engine, const std::function<bool()>& condition);

}  // namespace scripted
