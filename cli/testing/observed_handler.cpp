#include "testing/observed_handler.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "testing/scenario.hpp"
#include "volley/abi.hpp"

namespace volley::cli::testing {

namespace {

// Of the component's handler. There is one component in a process.
const volley_handler_class* own_table = nullptr;
volley_handler_class observed_table{};

MessageNumber number_of(const volley_message& message) {
    const std::string_view id = text_of(message.id);
    MessageNumber number = 0;
    std::from_chars(id.data(), id.data() + id.size(), number);
    return number;
}

bool is_failure(std::int32_t status) { return status != VOLLEY_OK && status != VOLLEY_DROP; }

class Observed {
public:
    Observed(const volley_host* host, const volley_options* options, const volley_jobs* jobs)
        : engine_(*jobs), jobs_(*jobs) {
        jobs_.struct_size = sizeof jobs_;
        jobs_.context = this;
        jobs_.emit = [](void* c, volley_job* job, volley_view output, const volley_record* record,
                        std::uint32_t size, volley_error* error) {
            return of(c).engine_.emit(of(c).engine_.context, job, output, record, size, error);
        };
        jobs_.explain = [](void* c, volley_job* job, volley_view text) {
            of(c).note_why(job, std::string(text_of(text)));
            of(c).engine_.explain(of(c).engine_.context, job, text);
        };
        jobs_.finish = [](void* c, volley_job* job, std::int32_t status, std::uint64_t after_ms) {
            of(c).note_end(job, status);
            of(c).engine_.finish(of(c).engine_.context, job, status, after_ms);
            of(c).let_go(job);
        };
        jobs_.finish_for = [](void* c, volley_job* job, std::int32_t status, std::uint64_t after_ms,
                              std::uint32_t reason) {
            of(c).note_end(job, status);
            of(c).engine_.finish_for(of(c).engine_.context, job, status, after_ms, reason);
            of(c).let_go(job);
        };
        jobs_.cancelled = [](void* c, volley_job* job) {
            return of(c).engine_.cancelled(of(c).engine_.context, job);
        };
        error_.struct_size = sizeof error_;
        status_ = own_table->create(host, options, &jobs_, &own_, &error_);
    }
    ~Observed() {
        if (own_ != nullptr) own_table->destroy(own_);
        for (std::size_t held = in_hand_.size(); held > 0; --held) scenario->clock.let_go();
    }
    Observed(const Observed&) = delete;
    Observed& operator=(const Observed&) = delete;

    volley_handler* own() const { return own_; }
    std::int32_t status() const { return status_; }
    const volley_error& error() const { return error_; }

    // One task at a time, so that it is known which one a handler has that ends the process.
    std::int32_t handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride, volley_error* error) {
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_task& task = element(tasks, stride, i);
            if (is_behind_failure(tasks, i, stride)) {
                task.status = VOLLEY_AGAIN;
                continue;
            }
            begin(task);
            if (dies_with(task)) {
                die(task);
                continue;
            }
            const std::int32_t status = own_table->handle(own_, &task, 1, stride, error);
            if (task.status != VOLLEY_PENDING) {
                note_end(task.job, task.status);
                let_go(task.job);
            }
            if (status != VOLLEY_OK) return status;
        }
        return VOLLEY_OK;
    }

private:
    static Observed& of(void* context) { return *static_cast<Observed*>(context); }

    static bool is_behind_failure(const volley_task* tasks, std::uint32_t n, std::uint32_t stride) {
        const volley_task& task = element(tasks, stride, n);
        for (std::uint32_t i = 0; i < n && task.group != 0; ++i) {
            const volley_task& before = element(tasks, stride, i);
            if (before.group == task.group && before.status != VOLLEY_PENDING && is_failure(before.status))
                return true;
        }
        return false;
    }

    void begin(const volley_task& task) {
        const MessageNumber message = number_of(*task.message);
        scenario->clock.hold();
        const std::lock_guard lock(scenario->events.mutex);
        in_hand_[task.job] = scenario->events.attempts.size();
        scenario->events.attempts.push_back(
            {message, task.attempt, scenario->clock.elapsed(), false, VOLLEY_OK, {}});
        show_progress();
    }
    // A child has the later ones only waiting. Requires: the events' lock.
    void show_progress() const {
        const auto oldest =
            std::min_element(in_hand_.begin(), in_hand_.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; });
        if (oldest == in_hand_.end()) return scenario->progress.message.store(0);
        const Attempt& attempt = scenario->events.attempts[oldest->second];
        scenario->progress.attempt.store(attempt.number);
        scenario->progress.message.store(attempt.message);
    }
    bool dies_with(const volley_task& task) const {
        const MessageNumber message = number_of(*task.message);
        for (const DeathFault& fault : scenario->test.deaths)
            if (fault.message == message && task.attempt <= fault.times) return true;
        return false;
    }
    // What the engine hears of a child that dies.
    void die(volley_task& task) {
        constexpr const char* why = "the handler's process ended: the test says so";
        engine_.explain(engine_.context, task.job, volley_text(why));
        note_why(task.job, why);
        task.status = VOLLEY_E_RETRY;
        task.reason = VOLLEY_REASON_CRASH;
        note_end(task.job, task.status);
        let_go(task.job);
    }
    void note_why(volley_job* job, std::string why) {
        const std::lock_guard lock(scenario->events.mutex);
        if (const auto found = in_hand_.find(job); found != in_hand_.end())
            scenario->events.attempts[found->second].why = std::move(why);
    }
    void note_end(volley_job* job, std::int32_t status) {
        const std::lock_guard lock(scenario->events.mutex);
        const auto found = in_hand_.find(job);
        if (found == in_hand_.end()) return;
        Attempt& attempt = scenario->events.attempts[found->second];
        attempt.has_ended = true;
        attempt.status = status;
    }
    // After the engine knows the end: only then may time pass.
    void let_go(volley_job* job) {
        {
            const std::lock_guard lock(scenario->events.mutex);
            if (in_hand_.erase(job) == 0) return;
            show_progress();
        }
        scenario->clock.let_go();
    }

    const volley_jobs& engine_;
    volley_jobs jobs_;
    volley_handler* own_ = nullptr;
    std::int32_t status_ = VOLLEY_OK;
    volley_error error_{};
    std::map<volley_job*, std::size_t> in_hand_;  // to its attempt; guarded by the events' lock
};

Observed& self(volley_handler* handler) { return detail::self<Observed>(handler); }

std::int32_t create(const volley_host* host, const volley_options* options, const volley_jobs* jobs,
                    volley_handler** out, volley_error* error) {
    *out = nullptr;
    auto made = std::make_unique<Observed>(host, options, jobs);
    if (made->status() != VOLLEY_OK) {
        if (error != nullptr) *error = made->error();
        return made->status();
    }
    *out = reinterpret_cast<volley_handler*>(made.release());
    return VOLLEY_OK;
}

}  // namespace

const volley_handler_class* observe_handler(const volley_handler_class* own) {
    own_table = own;
    volley_handler_class& t = observed_table;
    t = {};
    t.struct_size = sizeof t;
    t.create = &create;
    if (own->open != nullptr)
        t.open = [](volley_handler* h, volley_error* e) { return own_table->open(self(h).own(), e); };
    t.handle = [](volley_handler* h, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                  volley_error* e) { return self(h).handle(tasks, count, stride, e); };
    if (own->close != nullptr)
        t.close = [](volley_handler* h, std::uint32_t timeout_ms, volley_error* e) {
            return own_table->close(self(h).own(), timeout_ms, e);
        };
    t.destroy = [](volley_handler* h) { delete &self(h); };
    if (own->poll != nullptr)
        t.poll = [](volley_handler* h, std::uint32_t timeout_ms, volley_error* e) {
            return own_table->poll(self(h).own(), timeout_ms, e);
        };
    if (own->interrupt != nullptr)
        t.interrupt = [](volley_handler* h) { own_table->interrupt(self(h).own()); };
    return &t;
}

}  // namespace volley::cli::testing
