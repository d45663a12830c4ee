// Handlers and a consumer that do what they must not, for tests of what the engine makes of it.
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <queue>
#include <string>
#include <string_view>
#include <thread>

#include "volley/plugin.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

void note(const volley::Context& context, const std::string& file, const std::string& line) {
    std::ofstream(std::filesystem::path(context.base_dir()) / file, std::ios::app) << line << std::endl;
}

// Finishes every job from a thread of its own, and those that say "good" again and again afterwards. What
// says "bad" fails, what says "never" is never finished.
class Late {
public:
    Late(const volley::Context& context, const volley_jobs* jobs) : context_(context), jobs_(*jobs) {
        note(context_, "instances", "made");
        thread_ = std::thread([this] { run(); });
    }
    Late(const Late&) = delete;
    Late& operator=(const Late&) = delete;
    ~Late() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        came_.notify_one();
        thread_.join();
    }

    void handle(volley_task* tasks, std::uint32_t count, std::uint32_t stride) {
        const std::lock_guard lock(mutex_);
        for (std::uint32_t i = 0; i < count; ++i) {
            volley_task& task = volley::element(tasks, stride, i);
            const std::string_view body = volley::text_of(task.message->body);
            task.status = VOLLEY_PENDING;
            if (body.find("never") != std::string_view::npos) continue;
            const bool good = body.find("good") != std::string_view::npos;
            if (good) {
                emit(task.job, task.message->body);
                for (const auto after : {1ms, 5ms, 10ms, 20ms, 40ms})
                    due_.push({Clock::now() + after, task.job, VOLLEY_OK});
            } else {
                due_.push({Clock::now() + 30ms, task.job, VOLLEY_E_PERMANENT});
            }
        }
        came_.notify_one();
    }

private:
    struct Due {
        Clock::time_point at;
        volley_job* job;
        std::int32_t status;
        bool operator<(const Due& other) const { return at > other.at; }  // the soonest is on top
    };

    void emit(volley_job* job, volley_view body) {
        volley_record record{};
        record.body = body;
        record.partition = -1;
        jobs_.emit(jobs_.context, job, volley_view{}, &record, sizeof record, nullptr);
    }

    void run() {
        std::unique_lock lock(mutex_);
        while (!ending_) {
            if (due_.empty()) {
                came_.wait(lock);
                continue;
            }
            const Due next = due_.top();
            if (Clock::now() < next.at) {
                came_.wait_until(lock, next.at);
                continue;
            }
            due_.pop();
            jobs_.finish(jobs_.context, next.job, next.status, 0);
            emit(next.job, volley::view_of(R"("emitted too late")"));
        }
    }

    volley::Context context_;
    const volley_jobs& jobs_;
    std::mutex mutex_;
    std::condition_variable came_;
    std::priority_queue<Due> due_;
    bool ending_ = false;
    std::thread thread_;
};

constexpr volley_handler_class late_functions = [] {
    volley_handler_class c{};
    c.struct_size = sizeof c;
    c.create = [](const volley_host* host, const volley_options* options, const volley_jobs* jobs,
                  volley_handler** out, volley_error* error) {
        return volley::detail::guard(error, [&] {
            *out = reinterpret_cast<volley_handler*>(new Late(volley::Context(host, *options), jobs));
        });
    };
    c.handle = [](volley_handler* handler, volley_task* tasks, std::uint32_t count, std::uint32_t stride,
                  volley_error* error) {
        return volley::detail::guard(
            error, [&] { volley::detail::self<Late>(handler).handle(tasks, count, stride); });
    };
    c.destroy = [](volley_handler* handler) { delete &volley::detail::self<Late>(handler); };
    return c;
}();

constexpr volley_class late(const char* name, std::uint64_t flags) {
    volley_class c{};
    c.struct_size = sizeof c;
    c.kind = VOLLEY_KIND_HANDLER;
    c.name = name;
    c.flags = flags;
    c.functions = &late_functions;
    return c;
}

// Every fourth call of an instance is the last that it can do. While a file named "gone" is there, none can
// be made.
struct Frail : volley::Handler {
    explicit Frail(const volley::Context& c) : context(c) {
        note(context, "instances", "made");
        if (std::filesystem::exists(std::filesystem::path(c.base_dir()) / "gone"))
            throw volley::Error(volley::ErrorCode::retry, "what it needs is gone");
    }
    void handle(const volley::Message& message, volley::Outputs& outputs) override {
        if (calls >= 4) note(context, "called-again", "");
        if (++calls == 4) throw volley::Error(volley::ErrorCode::fatal, "its connection is broken");
        outputs.send_all(message.body());
    }
    volley::Context context;
    int calls = 0;
};

struct Shared : volley::Handler {
    static constexpr std::uint64_t flags = VOLLEY_THREAD_SAFE;
    explicit Shared(const volley::Context& c) { note(c, "instances", "made"); }
    void handle(const volley::Message& message, volley::Outputs& outputs) override {
        outputs.send_all(message.body());
    }
};

// Throws at every fourth call of consume.
struct Moody : volley::Consumer {
    static constexpr std::uint32_t max_open = 10;
    explicit Moody(const volley::Context&) {}
    std::optional<volley::QueueMessage> consume(std::string_view) override {
        if (++calls % 4 == 0) throw volley::Error(volley::ErrorCode::retry, "the store is away for a moment");
        if (given == 100) return std::nullopt;
        const std::string number = std::to_string(given++);
        volley::QueueMessage m{number, "{\"n\": " + number + "}"};
        m.headers = {{"twice", "\xff"}, {"twice", "b"}, {"null"}};
        return m;
    }
    bool delete_message(std::string_view, std::string_view) override { return true; }
    bool on_fail(std::string_view, std::string_view) override { return true; }
    int calls = 0;
    int given = 0;
};

}  // namespace

VOLLEY_PLUGIN("wayward", "1.0.0", late("Late", 0), late("SharedLate", VOLLEY_THREAD_SAFE),
              late("AsyncLate", VOLLEY_ASYNC), late("AsyncSharedLate", VOLLEY_ASYNC | VOLLEY_THREAD_SAFE),
              VOLLEY_CLASS(Frail), VOLLEY_CLASS(Shared), VOLLEY_CLASS(Moody));
