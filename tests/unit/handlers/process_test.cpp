// The handler of child processes without an engine around it: real children, honest and hostile.
#include "handlers/process.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <mutex>
#include <random>

#include "fake_jobs.hpp"
#include "log/log.hpp"

using namespace volley;
using namespace volley::handlers;

namespace {

// As in the engine's threads: a child may end before it is written to.
[[maybe_unused]] const auto sigpipe_before = std::signal(SIGPIPE, SIG_IGN);

// What the engine is to an instance: only health is asked of it here, and restarts are told.
struct Host {
    Host() {
        table.struct_size = sizeof table;
        table.context = this;
        table.log_level = [](const volley_host*) { return std::uint32_t{VOLLEY_ERROR}; };
        table.health = [](const volley_host* host, std::uint32_t state, volley_view text) {
            auto& self = *static_cast<Host*>(host->context);
            const std::lock_guard lock(self.mutex);
            self.down = state == VOLLEY_DOWN ? std::string(text_of(text)) : "";
            if (!self.down.empty()) self.all_downs += self.down + "\n";
        };
        table.get_extension = [](const volley_host*, const char* id) -> const void* {
            static constexpr volley_ext_restarts restarts{sizeof(volley_ext_restarts), 0,
                                                          [](const volley_host* host, std::int32_t planned) {
                                                              auto& self = *static_cast<Host*>(host->context);
                                                              ++(planned != 0 ? self.recycled : self.failed);
                                                          }};
            return std::string_view(id) == VOLLEY_EXT_RESTARTS ? &restarts : nullptr;
        };
    }
    volley_host table{};
    std::mutex mutex;
    std::string down;
    std::string all_downs;
    int recycled = 0;
    int failed = 0;
};

class Handler {
public:
    explicit Handler(const ProcessOptions& process) : jobs_(proxy()) {
        log::configure(log::Level::off, log::Format::text);
        config_ = process_config(process);
        volley_options options{};
        options.struct_size = sizeof options;
        options.config = view_of(config_);
        options.component = view_of("test");
        folder_ = (std::filesystem::temp_directory_path() / "volley-process.XXXXXX").string();
        REQUIRE(mkdtemp(folder_.data()) != nullptr);
        options.base_dir = view_of(folder_);
        REQUIRE(table_->create(&host.table, &options, &jobs_, &handler_, nullptr) == VOLLEY_OK);
        REQUIRE(table_->open(handler_, nullptr) == VOLLEY_OK);
    }
    ~Handler() {
        table_->close(handler_, 500, nullptr);
        table_->destroy(handler_);
        std::system(("rm -rf " + folder_).c_str());
    }
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;

    void call(FakeJobs& fake) {
        now_ = &fake;
        REQUIRE(table_->handle(handler_, fake.tasks.data(), fake.count(), sizeof(volley_task), nullptr) ==
                VOLLEY_OK);
        while (!fake.is_over()) REQUIRE(table_->poll(handler_, 1000, nullptr) == VOLLEY_OK);
    }
    const std::string& folder() const { return folder_; }

    Host host;

private:
    // The instance keeps one table; the jobs change with each call.
    volley_jobs proxy() {
        volley_jobs table{};
        table.struct_size = sizeof table;
        table.context = this;
        table.emit = [](void* self, volley_job* job, volley_view queue, const volley_record* record,
                        std::uint32_t size, volley_error* error) {
            const volley_jobs& jobs = static_cast<Handler*>(self)->now_->table;
            return jobs.emit(jobs.context, job, queue, record, size, error);
        };
        table.explain = [](void* self, volley_job* job, volley_view text) {
            const volley_jobs& jobs = static_cast<Handler*>(self)->now_->table;
            jobs.explain(jobs.context, job, text);
        };
        table.finish_for = [](void* self, volley_job* job, std::int32_t status, std::uint64_t retry_after_ms,
                              std::uint32_t reason) {
            const volley_jobs& jobs = static_cast<Handler*>(self)->now_->table;
            jobs.finish_for(jobs.context, job, status, retry_after_ms, reason);
        };
        table.cancelled = [](void* self, volley_job* job) {
            const volley_jobs& jobs = static_cast<Handler*>(self)->now_->table;
            return jobs.cancelled(jobs.context, job);
        };
        return table;
    }

    const volley_handler_class* table_ = process_handler_class();
    volley_jobs jobs_;
    std::string config_;
    std::string folder_;
    volley_handler* handler_ = nullptr;
    FakeJobs* now_ = nullptr;
};

ProcessOptions shell(const std::string& script) { return {{"sh", "-c", script}, 60'000, 60'000, 1 << 20}; }

constexpr const char* honest =
    R"(while read -r line; do id=${line#*:\"}; echo "{\"id\":\"${id%%\"*}\",\"outputs\":[{\"body\":1}]}"; done)";

}  // namespace

TEST_CASE("a child that cannot start fails no message, and another is tried") {
    Handler handler(shell(std::string("[ -e mended ] || exit 3\n") + honest));
    FakeJobs first({0, 0});
    handler.call(first);
    CHECK(first.tasks[0].status == VOLLEY_AGAIN);
    CHECK(first.tasks[1].status == VOLLEY_AGAIN);
    CHECK(handler.host.down.find("exit status 3") != std::string::npos);
    std::ofstream(handler.folder() + "/mended") << 1;
    FakeJobs second({0, 0});
    handler.call(second);
    CHECK(second.tasks[0].status == VOLLEY_OK);
    CHECK(second.tasks[1].status == VOLLEY_OK);
    CHECK(handler.host.down.empty());
    CHECK(handler.host.failed > 0);
    CHECK(handler.host.recycled == 0);
}

TEST_CASE("a program that loads for long says so, and its messages do not time out") {
    auto options = shell(std::string("sleep 1.5\n") + honest);
    options.handler_timeout_ms = 400;
    Handler handler(options);
    FakeJobs fake({0});
    handler.call(fake);
    CHECK(fake.tasks[0].status == VOLLEY_OK);
    CHECK(handler.host.down.empty());
    CHECK(handler.host.all_downs.find("is loading") != std::string::npos);
}

TEST_CASE("past the time for a stop a child is not waited for") {
    Handler handler(shell("read -r line; sleep 1000"));
    FakeJobs fake({0});
    fake.jobs[0].cancelled = 2;
    handler.call(fake);
    CHECK(fake.tasks[0].status == VOLLEY_AGAIN);
}

// VOLLEY_HOSTILE_SECONDS makes it longer.
TEST_CASE(
    "whatever a child does, each message ends in one call with one status, and its outputs with success") {
    const char* const seconds = std::getenv("VOLLEY_HOSTILE_SECONDS");
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::seconds(seconds != nullptr ? std::atoi(seconds) : 2);
    std::minstd_rand random(std::random_device{}());
    std::uint64_t calls = 0;
    std::uint64_t messages = 0;
    std::uint64_t done = 0;
    while (calls < 2 || std::chrono::steady_clock::now() < until) {
        ProcessOptions options{{"python3", "-S", "-E", HOSTILE, calls % 2 == 0 ? "chains" : "plain", "0.03"},
                               400,
                               60'000,
                               100'000};
        Handler handler(options);
        for (int i = 0; i < 20; ++i, ++calls) {
            std::vector<std::uint32_t> groups(1 + random() % 60);
            const std::uint32_t different = 1 + static_cast<std::uint32_t>(random() % 9);
            for (auto& group : groups) group = static_cast<std::uint32_t>(random()) % different;
            FakeJobs fake(groups);
            for (std::size_t k = 0; k < fake.jobs.size(); ++k) {
                fake.jobs[k].body = std::to_string(messages++);
                fake.jobs[k].message.body = view_of(fake.jobs[k].body);
                fake.jobs[k].message.flags = VOLLEY_MESSAGE_JSON;
            }
            handler.call(fake);
            for (std::size_t k = 0; k < fake.jobs.size(); ++k) {
                const std::int32_t status = fake.tasks[k].status;
                const bool good = status == VOLLEY_OK &&
                                  fake.jobs[k].outputs == std::vector<std::string>{fake.jobs[k].body};
                const bool failed =
                    (status == VOLLEY_AGAIN || status == VOLLEY_E_RETRY || status == VOLLEY_E_PERMANENT) &&
                    fake.jobs[k].outputs.empty();
                if (good) ++done;
                if (good || failed) continue;
                FAIL("message " << fake.jobs[k].body << " has status " << status << " and "
                                << fake.jobs[k].outputs.size() << " outputs"
                                << (fake.jobs[k].outputs.empty() ? "" : ": " + fake.jobs[k].outputs.front()));
            }
        }
    }
    if (seconds != nullptr)
        std::cout << calls << " calls, " << messages << " messages, " << done << " done\n";
    CHECK(done > 0);
}
