// A connector that follows a test's script: it returns any status, delays its reports, and records its calls
// and violations of the ABI. And an engine that runs between its consumer and its producer.
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

// When and how a producer reports.
enum class Reports {
    at_once,
    from_poll,
    from_flush,
    when_released,
    // False reports:
    twice,
    of_another,   // another output of the message
    of_no_slot,   // a slot that the engine does not have
    of_the_past,  // repeated long after its message is settled
};

struct Script {
    // The status to return, by call ("settle", "commit"): for `times` calls, after the first `after` ones.
    struct Answer {
        std::int32_t status = VOLLEY_OK;
        int after = 0;
        int times = 1 << 30;
    };
    std::map<std::string, Answer> answers;
    std::int32_t settle_result = VOLLEY_OK;  // for the first message of each call
    int messages = 100;
    std::size_t body_size = 16;
    bool log = false;
    bool pauses = false;  // a log that can be paused
    bool leases = false;
    bool atomic = false;
    bool thread_safe = false;
    Reports reports = Reports::at_once;

    std::mutex mutex;
    std::map<std::string, int> calls;
    std::vector<std::string> broken;  // violated rules of the ABI
    std::set<std::uint64_t> open;     // open deliveries
    std::atomic<int> consumed{0};
    std::atomic<int> acked{0};
    std::atomic<std::int64_t> committed{-1};
    std::size_t held_records = 0, held_bytes = 0, most_held_bytes = 0;  // with the producer, not yet reported
    std::atomic<bool> released{false};
    std::atomic<bool> lose{false};  // the next consume of a log loses its partition
    std::atomic<bool> lost{false};  // the partition is lost

    int count(const std::string& call) {
        const std::lock_guard lock(mutex);
        return calls[call];
    }
    // Records the call. Returns its status, or throws the status with a text.
    std::int32_t answer(const std::string& call);
    void breaks(const std::string& rule) {
        const std::lock_guard lock(mutex);
        broken.push_back(rule);
    }
};

// The script of the instances. Set it before creating an engine.
extern Script* script;

const volley_plugin* plugin();

using Handler = std::function<void(const volley::Message&, volley::Outputs&)>;

// Creates an engine that moves messages from queue `in` to queue `out`, both scripted. `settings` is inserted
// at the top of the configuration, `component` into the component.
std::unique_ptr<volley::Engine> make_engine(const std::string& settings, const std::string& component,
                                            Handler handler = {});

// Waits for `condition` for at most 30 s. Returns whether it became true.
bool wait_until(const std::function<bool()>& condition);

struct Ended {
    int code = -1;
    std::string why_not_ready;  // the component's reason at the end
};
// Runs the engine until `condition` holds or the engine ends by itself, then stops it.
Ended run_until(volley::Engine& engine, const std::function<bool()>& condition);

}  // namespace scripted
