// A handler that does what a test says, and a worker's way to call it, without the component's threads.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/handle.hpp"

namespace handler_rig {

using namespace volley;
using namespace volley::runtime;
using delivery::Verdict;

struct Tasks {
    volley_task* first;
    std::uint32_t count;
    std::uint32_t stride;
    volley_error* error;
    volley_task& operator[](std::uint32_t i) const { return element(first, stride, i); }
};

// What the handler does, and what became of its instances. One at a time.
struct Script {
    Script() { current = this; }
    ~Script() { current = nullptr; }
    static inline Script* current = nullptr;

    std::function<std::int32_t(const Tasks&)> handle = [](const Tasks&) { return VOLLEY_OK; };
    std::function<std::int32_t()> open = [] { return VOLLEY_OK; };
    std::function<void()> destroy = [] {};
    std::atomic<int> created{0}, closed{0}, destroyed{0};
    const volley_jobs* jobs = nullptr;  // of the last instance

    std::int32_t emit(volley_job* job, const volley_record& record, volley_view output = {},
                      volley_error* error = nullptr) const {
        return jobs->emit(jobs->context, job, output, &record, sizeof record, error);
    }
    std::int32_t emit(volley_job* job, std::string_view body) const {
        volley_record record{};
        record.body = view_of(body);
        return emit(job, record);
    }
    void finish(volley_job* job, std::int32_t status) const { jobs->finish(jobs->context, job, status, 0); }
    bool cancelled(volley_job* job) const { return jobs->cancelled(jobs->context, job) != 0; }
};

inline const volley_handler_class* scripted_handler() {
    static const volley_handler_class table = [] {
        volley_handler_class t{};
        t.struct_size = sizeof t;
        t.create = [](const volley_host*, const volley_options*, const volley_jobs* jobs,
                      volley_handler** out, volley_error*) -> std::int32_t {
            Script::current->jobs = jobs;
            *out = reinterpret_cast<volley_handler*>(static_cast<std::intptr_t>(++Script::current->created));
            return VOLLEY_OK;
        };
        t.open = [](volley_handler*, volley_error* error) {
            return volley_fail(error, Script::current->open(), "it cannot be opened");
        };
        t.handle = [](volley_handler*, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                      volley_error* error) {
            return volley_fail(error, Script::current->handle({tasks, count, stride, error}),
                               "it is done for");
        };
        t.close = [](volley_handler*, std::uint32_t, volley_error*) -> std::int32_t {
            ++Script::current->closed;
            return VOLLEY_OK;
        };
        t.destroy = [](volley_handler*) {
            Script::current->destroy();
            ++Script::current->destroyed;
        };
        return t;
    }();
    return &table;
}

// A worker's way into the handler, without the worker.
class Caller {
public:
    explicit Caller(Pipeline& pipeline)
        : slot_(pipeline.shared_handler ? pipeline.shared_handler : std::make_shared<InstanceSlot>(pipeline)),
          call_(pipeline, *slot_) {
        slot_->join();
    }
    bool open() {
        if (slot_->enter() == nullptr) return false;
        slot_->leave_unused();
        return true;
    }
    void handle(const delivery::WorkItem* items, std::size_t count, std::vector<HandlerResult>& out) {
        call_.handle(items, count, out);
    }
    void close(std::uint32_t timeout_ms) { slot_->quit(timeout_ms); }
    const InstanceSlot& slot() const { return *slot_; }
    std::int64_t in_call_since_ms() const { return call_.in_call_since_ms(); }

private:
    std::shared_ptr<InstanceSlot> slot_;
    HandlerCall call_;
};

// A component with one output, without its threads.
struct Rig {
    Rig() {
        pipeline.config.name = "move";
        pipeline.config.handler_timeout = std::chrono::hours(1);
        pipeline.built_in_handler = scripted_handler();
        pipeline.in_process = true;
        auto output_queue = std::make_unique<OutputQueue>();
        output_queue->queue = "out";
        output_queue->blank.record.partition = -1;
        pipeline.output_queues.push_back(std::move(output_queue));
        pipeline.contexts.grow_to(16);
    }
    // Messages 0 to count - 1, each with its number as its body.
    std::vector<delivery::WorkItem> items(std::uint32_t count) {
        std::vector<delivery::WorkItem> all;
        for (std::uint32_t i = 0; i < count; ++i) {
            MessageContext& context = pipeline.contexts[i];
            volley_message message{};
            message.body = view_of(bodies[i]);
            message.key = view_of("the input's key");
            message.headers = &header;
            message.header_count = 1;
            context.arrive(message, 0, 0);
            context.begin();
            context.body = bodies[i];
            all.push_back({i, delivery::Step::handle, delivery::no_group, 1, 0});
        }
        return all;
    }
    MessageContext& context(std::uint32_t slot) { return pipeline.contexts[slot]; }
    std::size_t outputs(std::uint32_t slot) { return context(slot).outputs.size(); }

    static constexpr std::string_view bodies[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    volley_header header{view_of("name"), view_of("value")};
    Pipeline pipeline;
};

inline std::vector<HandlerResult> handle(Caller& call, const std::vector<delivery::WorkItem>& items) {
    std::vector<HandlerResult> out;
    call.handle(items.data(), items.size(), out);
    return out;
}

inline std::vector<Verdict> verdicts(const std::vector<HandlerResult>& handled) {
    std::vector<Verdict> all;
    for (const HandlerResult& h : handled) all.push_back(h.verdict);
    return all;
}

}  // namespace handler_rig
