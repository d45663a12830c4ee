// The protocol state between the engine and a child: which messages the child has, which of them are at work,
// and which must not overtake others. Reads the lines of the child and writes those of the engine. No I/O.
// Each message that is added is finished exactly once, whatever the child writes.
//
// All parts share the open requests; none knows another part. Owned and used by one thread.
#pragma once

#include <cstdint>
#include <string>

#include "handlers/at_work.hpp"
#include "handlers/child_answers.hpp"
#include "handlers/child_state.hpp"
#include "handlers/open_requests.hpp"
#include "handlers/request_sender.hpp"
#include "volley/plugin.h"

namespace volley::handlers {

struct Exchange {
    using Clock = AtWork::Clock;

    // `component` is for the log, `longest_answer` for messages about lines that were cut. `concurrency`: how
    // many messages the child has at work at a time; more are sent ahead.
    // `queue` is the name of the input, for messages that do not name their source. `has_batches`: the tasks
    // that are added together are a batch for a child that takes such, and `concurrency` counts batches.
    Exchange(const volley_jobs& jobs, const std::string& component, std::size_t longest_answer,
             std::uint32_t concurrency = 1, const std::string& queue = {}, bool has_batches = false)
        : requests(jobs),
          sender(jobs, requests, child, queue, has_batches),
          answers(jobs, requests, child, component, longest_answer, has_batches),
          at_work(jobs, requests, concurrency) {}
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    // Begins with a new child. It gets the messages that are not answered.
    void begin_child() {
        child = {};
        requests.begin_child();
        sender.begin_child();
        answers.begin_child();
    }
    // Fails the messages that have been at work for `limit`, and sends nothing more to this child.
    void time_out(Clock::time_point now, Clock::duration limit, const std::string& why) {
        sender.stop();
        at_work.time_out(now, limit, why);
    }

    ChildState child;
    OpenRequests requests;
    RequestSender sender;
    ChildAnswers answers;
    AtWork at_work;
};

}  // namespace volley::handlers
