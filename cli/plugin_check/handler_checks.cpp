// Checks of handlers: each message gets one verdict, in time, and nothing of it is used afterwards.
#include <thread>

#include "plugin_check/guarded_array.hpp"
#include "plugin_check/jobs.hpp"
#include "plugin_check/life.hpp"
#include "plugin_check/samples.hpp"
#include "plugin_check/suite.hpp"

namespace volley::cli::plugin_check {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 5s;  // with pending jobs

class HandlerRig {
public:
    explicit HandlerRig(const Setting& setting)
        : setting_(setting),
          life_(setting_, subject_of(setting.file, VOLLEY_KIND_HANDLER, setting.class_name), jobs_.table()) {}

    // One call of handle, and the wait for what it has left pending. Returns the statuses.
    std::vector<std::int32_t> handle(const std::vector<Content>& contents) {
        const std::string name = life_.name("handle");
        const auto count = static_cast<std::uint32_t>(contents.size());
        std::vector<volley_job*> jobs;
        {
            GuardedArray<volley_task> tasks(count);
            for (std::uint32_t i = 0; i < count; ++i) {
                tasks[i] = jobs_.add(contents[i]);
                jobs.push_back(tasks[i].job);
            }
            const Outcome done = call(name, {VOLLEY_OK}, [&](volley_error* error) {
                return life_.table().handle(life_.get(), tasks.data(), count, tasks.stride(), error);
            });
            require(done.ok(), name + " returned " + done.words() + ": the instance has failed",
                    "a message that cannot be handled is a status of its task; an error of handle costs the "
                    "instance");
            require(tasks.is_intact(), name + " wrote behind a task",
                    "step through tasks with VOLLEY_AT and `stride`");
            for (std::uint32_t i = 0; i < count; ++i) {
                const std::int32_t status = tasks[i].status;
                require(status == VOLLEY_PENDING || is_end_of_job(status),
                        name + " set the status of a task to " + status_name(status),
                        "it is VOLLEY_OK, VOLLEY_DROP, VOLLEY_PENDING or an error");
                jobs_.returned(jobs[i], status);
            }
        }  // the tasks are the engine's again
        wait();
        std::vector<std::int32_t> statuses;
        for (volley_job* job : jobs) statuses.push_back(jobs_.status_of(job));
        return statuses;
    }

    HandlerLife& life() { return life_; }
    Jobs& jobs() { return jobs_; }

private:
    void wait() {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!jobs_.wait(life_.table().poll != nullptr ? 0ms : 100ms)) {
            require(std::chrono::steady_clock::now() < end,
                    std::to_string(jobs_.pending()) + " pending jobs were not finished within 5 s",
                    "finish each job that is left VOLLEY_PENDING");
            if (life_.table().poll == nullptr) continue;
            const Outcome polled = call(life_.name("poll"), {VOLLEY_OK}, [&](volley_error* error) {
                return life_.table().poll(life_.get(), 100, error);
            });
            require(polled.ok(), "poll returned " + polled.words(), "an error of poll costs the instance");
        }
    }

    Setting setting_;
    Jobs jobs_;
    HandlerLife life_;
};

std::string summary(const std::vector<std::int32_t>& statuses) {
    std::size_t ok = 0, dropped = 0;
    for (const std::int32_t status : statuses) {
        if (status == VOLLEY_OK) ++ok;
        if (status == VOLLEY_DROP) ++dropped;
    }
    return std::to_string(ok) + " of " + std::to_string(statuses.size()) + " messages ended with VOLLEY_OK" +
           (dropped > 0 ? ", " + std::to_string(dropped) + " with VOLLEY_DROP" : "");
}

Verdict handle(const Setting& setting, const Setting&) {
    HandlerRig rig(setting);
    rig.life().must_start();
    const Content message{setting.body, "key", {{"name", "value"}}};
    std::vector<std::int32_t> all;
    for (const std::size_t count : {std::size_t{1}, std::size_t{16}, std::size_t{0}, std::size_t{200}}) {
        const auto some = rig.handle(std::vector<Content>(count, message));
        all.insert(all.end(), some.begin(), some.end());
    }
    rig.life().end();
    return conformance::passed(summary(all));
}

Verdict odd_bodies(const Setting& setting, const Setting&) {
    HandlerRig rig(setting);
    rig.life().must_start();
    std::vector<Content> contents;
    for (const Sample& sample : odd_messages(~std::uint64_t{0})) contents.push_back(sample.content);
    for (const char* json : {"null", "[]", "\"text\"", "17", "{\"a\":{\"b\":[1,2,3]}}", "true"})
        contents.push_back({json, {}, {}});
    contents.push_back({std::string(1 << 20, 'x'), {}, {}});
    std::vector<std::int32_t> all;
    for (const Content& content : contents) {
        const auto one = rig.handle({content});
        all.insert(all.end(), one.begin(), one.end());
    }
    const auto at_once = rig.handle(contents);
    all.insert(all.end(), at_once.begin(), at_once.end());
    rig.life().end();
    return conformance::passed(summary(all));
}

Verdict handler_threads(const Setting& setting, const Setting&) {
    HandlerRig rig(setting);
    rig.life().must_start();
    if ((rig.life().flags() & VOLLEY_THREAD_SAFE) == 0)
        inapplicable("its class does not declare VOLLEY_THREAD_SAFE");
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; ++i)
        workers.emplace_back([&] {
            for (int n = 0; n < 50; ++n) rig.handle({Content{setting.body, {}, {}}});
        });
    for (std::thread& worker : workers) worker.join();
    rig.life().end();
    return conformance::passed();
}

Verdict poll_interrupt(const Setting& setting, const Setting&) {
    HandlerRig rig(setting);
    rig.life().must_start();
    const volley_handler_class& table = rig.life().table();
    if (table.poll == nullptr || table.interrupt == nullptr) inapplicable("it has no poll");
    const auto begin = std::chrono::steady_clock::now();
    std::thread other([&] {
        std::this_thread::sleep_for(200ms);
        table.interrupt(rig.life().get());
    });
    const Outcome polled = call(rig.life().name("poll"), {VOLLEY_OK}, [&](volley_error* error) {
        return table.poll(rig.life().get(), 7'000, error);
    });
    other.join();
    require(polled.ok(), "poll returned " + polled.words(), "an error of poll costs the instance");
    require(std::chrono::steady_clock::now() - begin < 5s, "poll did not return within 5 s of an interrupt",
            "interrupt makes a poll that waits return now, or the next one at once");
    rig.life().end();
    return conformance::passed();
}

}  // namespace

std::vector<Check> handler_checks() {
    return {
        {"handle", "Each message gets one verdict, alone and in batches", Of::handler, true, &handle},
        {"odd-messages", "Messages of every form get a verdict, and do not cost the instance", Of::handler,
         true, &odd_bodies},
        {"handler-threads", "handle is called by several threads at once", Of::handler, true,
         &handler_threads},
        {"poll-interrupt", "interrupt ends a poll that waits", Of::handler, true, &poll_interrupt},
    };
}

}  // namespace volley::cli::plugin_check
