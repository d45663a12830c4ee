// The batch handler of the C++ SDK, driven through the table that the engine sees.
#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "volley/plugin.hpp"

using namespace volley;

namespace {

std::function<void(std::vector<BatchItem>&)> body_of_handle;
std::vector<std::string> explained;
std::vector<std::string> emitted;

struct Insert : BatchHandler {
    explicit Insert(const Context&) {}
    void handle(std::vector<BatchItem>& batch) override { body_of_handle(batch); }
};

constexpr auto functions = handler_functions<Insert>();

const volley_host* host() {
    static const volley_host h = [] {
        volley_host made{};
        made.struct_size = sizeof made;
        made.log_level = [](const volley_host*) { return std::uint32_t{VOLLEY_TRACE}; };
        made.log = [](const volley_host*, std::uint32_t, volley_view, const volley_header*, std::uint32_t) {};
        made.config = [](const volley_host*, const char*, std::int32_t*, volley_view*) { return 0; };
        return made;
    }();
    return &h;
}

const volley_jobs* jobs() {
    static const volley_jobs table = [] {
        volley_jobs t{};
        t.struct_size = sizeof t;
        t.emit = [](void*, volley_job*, volley_view, const volley_record* r, std::uint32_t, volley_error*) {
            emitted.emplace_back(text_of(r->body));
            return std::int32_t{VOLLEY_OK};
        };
        t.explain = [](void*, volley_job*, volley_view text) { explained.emplace_back(text_of(text)); };
        t.finish = [](void*, volley_job*, std::int32_t, std::uint64_t) {};
        t.cancelled = [](void*, volley_job*) { return std::int32_t{0}; };
        return t;
    }();
    return &table;
}

struct Ran {
    std::int32_t status = 0;
    std::vector<std::int32_t> statuses;
    std::vector<std::uint64_t> delays;
};

// One call with a message for each group; 0: it has none.
Ran run(const std::vector<std::uint32_t>& groups, std::function<void(std::vector<BatchItem>&)> body) {
    body_of_handle = std::move(body);
    explained.clear();
    emitted.clear();
    volley_options options{};
    options.struct_size = sizeof options;
    volley_handler* instance = nullptr;
    REQUIRE(functions.create(host(), &options, jobs(), &instance, nullptr) == VOLLEY_OK);
    volley_message message{};
    message.body = view_of(std::string_view("body"));
    std::vector<volley_task> tasks(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        tasks[i].message = &message;
        tasks[i].group = groups[i];
        tasks[i].attempt = 1;
    }
    volley_error error{};
    error.struct_size = sizeof error;
    Ran ran;
    ran.status = functions.handle(instance, tasks.data(), static_cast<std::uint32_t>(tasks.size()),
                                  sizeof(volley_task), &error);
    for (const volley_task& task : tasks) {
        ran.statuses.push_back(task.status);
        ran.delays.push_back(task.retry_after_ms);
    }
    functions.destroy(instance);
    return ran;
}

using Statuses = std::vector<std::int32_t>;

}  // namespace

TEST_CASE("each message of a batch has its own verdict and outputs", "[sdk]") {
    const Ran ran = run({0, 0, 0, 0}, [](std::vector<BatchItem>& batch) {
        REQUIRE(batch.size() == 4);
        batch[0].outputs().send_all(batch[0].message().body());
        batch[1].retry_later("later", 50);
        batch[2].reject("never");
        batch[3].drop();
    });
    CHECK(ran.status == VOLLEY_OK);
    CHECK(ran.statuses == Statuses{VOLLEY_OK, VOLLEY_E_RETRY, VOLLEY_E_PERMANENT, VOLLEY_DROP});
    CHECK(ran.delays[1] == 50);
    CHECK(explained == std::vector<std::string>{"later", "never"});
    CHECK(emitted == std::vector<std::string>{"body"});
}

TEST_CASE("what a batch handler throws is the verdict of every message, with its text", "[sdk]") {
    Ran ran = run({0, 0}, [](std::vector<BatchItem>&) { throw RetryLater("locked", 7); });
    CHECK(ran.statuses == Statuses{VOLLEY_E_RETRY, VOLLEY_E_RETRY});
    CHECK(ran.delays == std::vector<std::uint64_t>{7, 7});
    CHECK(explained == std::vector<std::string>{"locked", "locked"});
    ran = run({0, 0}, [](std::vector<BatchItem>&) { throw Rejected("bad"); });
    CHECK(ran.statuses == Statuses{VOLLEY_E_PERMANENT, VOLLEY_E_PERMANENT});
    ran = run({0, 0}, [](std::vector<BatchItem>&) { throw std::logic_error("surprise"); });
    CHECK(ran.statuses == Statuses{VOLLEY_E_RETRY, VOLLEY_E_RETRY});
}

TEST_CASE("behind a failure in its group a message of a batch is not started", "[sdk]") {
    const Ran ran = run({5, 6, 5, 6}, [](std::vector<BatchItem>& batch) { batch[0].retry_later("later"); });
    CHECK(ran.statuses == Statuses{VOLLEY_E_RETRY, VOLLEY_OK, VOLLEY_AGAIN, VOLLEY_OK});
}

TEST_CASE("an error of the instance leaves a batch undecided", "[sdk]") {
    const Ran ran = run({0, 0}, [](std::vector<BatchItem>&) { throw Error(ErrorCode::fatal, "gone"); });
    CHECK(ran.status == VOLLEY_E_FATAL);
    CHECK(ran.statuses == Statuses{VOLLEY_OK, VOLLEY_OK});
}
