// What a call and a child owe each other, whatever the child writes: each message has one status in the end.
#include "handlers/exchange.hpp"

#include <catch2/catch.hpp>

#include "fake_jobs.hpp"
#include "log/log.hpp"

using namespace volley::handlers;

namespace {

struct Call {
    explicit Call(const std::vector<std::uint32_t>& groups, std::uint32_t concurrency = 1,
                  bool has_batches = false)
        : fake(groups), exchange(fake.table, "test", 1000, concurrency, {}, has_batches) {
        volley::log::configure(volley::log::Level::off, volley::log::Format::text);
        exchange.begin_child();
        exchange.requests.add(fake.tasks.data(), fake.count(), sizeof(volley_task));
        exchange.sender.send_more(outbox);
    }
    std::optional<std::string> take(const std::string& line, bool is_cut = false) {
        const auto why = exchange.answers.take({line, is_cut});
        if (!exchange.requests.is_over()) exchange.sender.send_more(outbox);
        return why;
    }
    // The ids of the lines that were written so far, without the millions.
    std::string sent() const {
        std::string all;
        for (std::size_t at = 0; (at = outbox.bytes.find("{\"id\":\"1", at)) != std::string::npos; at += 8)
            all += std::to_string(std::stoul(outbox.bytes.substr(at + 7)) - 1'000'000) + " ";
        return all;
    }
    std::int32_t status(std::size_t i) const { return fake.tasks[i].status; }

    FakeJobs fake;
    Exchange exchange;
    Outbox outbox;
};

std::string done(std::size_t i) {
    return R"({"id":")" + std::to_string(1'000'000 + i) + R"(","outputs":[{"body":1}]})";
}
std::string answer(std::size_t i, const std::string& member) {
    return R"({"id":")" + std::to_string(1'000'000 + i) + R"(",)" + member + "}";
}

}  // namespace

TEST_CASE("answers count once, in any order; what comes twice, late or for nobody is ignored") {
    Call call({0, 0, 0});
    CHECK(call.sent() == "0 1 2 ");
    CHECK(!call.take(done(2)));
    CHECK(!call.take(done(2)));
    CHECK(!call.take(answer(2, R"("fail":"no")")));
    CHECK(!call.take(done(3)));
    CHECK(!call.take(R"({"id":"0"})"));
    CHECK(!call.take(R"({"id":"18446744073709551615"})"));
    CHECK(!call.take("a print of a library"));
    CHECK(!call.take(" \t\r"));
    CHECK(!call.exchange.requests.is_over());
    CHECK(!call.take("\xEF\xBB\xBF" + done(0) + "\r"));
    CHECK(!call.take(done(1)));
    CHECK(call.exchange.requests.is_over());
    CHECK(!call.take(done(1)));
    CHECK(!call.take("thank you"));
    CHECK(!call.take(answer(1, R"("outputs":[NaN])")));
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(call.status(i) == VOLLEY_OK);
        CHECK(call.fake.jobs[i].outputs == std::vector<std::string>{"1"});
    }
}

TEST_CASE("a wrong answer fails its message for good, and nothing else") {
    Call call({0, 0, 0});
    CHECK(!call.take(answer(1, R"("outputs":[{"body":NaN}])")));
    CHECK(call.status(1) == VOLLEY_E_PERMANENT);
    CHECK(call.fake.tasks[1].reason == VOLLEY_REASON_OUTPUT);
    CHECK(call.fake.jobs[1].explanation.find("NaN") != std::string::npos);
    CHECK(call.fake.jobs[1].outputs.empty());
    CHECK(!call.take(answer(2, R"("outputs":[{"body":"xxx)"), true));
    CHECK(call.status(2) == VOLLEY_E_PERMANENT);
    CHECK(call.fake.tasks[2].reason == VOLLEY_REASON_TOO_LARGE);
    CHECK(call.fake.jobs[2].explanation.find("longer than 1000 bytes") != std::string::npos);
    CHECK(call.take("xxxx", true).value_or("").find("longer than 1000 bytes") != std::string::npos);
    CHECK(!call.take(done(0)));
    CHECK(call.status(0) == VOLLEY_OK);
}

TEST_CASE("a group goes on behind the message that a new child got before it had spoken") {
    Call call({5, 5, 5, 6});
    CHECK(call.sent() == "0 3 ");
    CHECK(!call.take(R"({"volley":1,"chains":true})"));
    CHECK(call.sent() == "0 3 ");
    SECTION("it succeeds") {
        CHECK(!call.take(done(0)));
        CHECK(call.sent() == "0 3 1 2 ");
        CHECK(call.outbox.bytes.find(R"("chain":1)") != std::string::npos);
    }
    SECTION("it fails") {
        CHECK(!call.take(answer(0, R"("retry":"later")")));
        CHECK(call.sent() == "0 3 ");
        CHECK(!call.take(done(3)));
        CHECK(call.status(0) == VOLLEY_E_RETRY);
        CHECK(call.status(1) == VOLLEY_AGAIN);
        CHECK(call.status(2) == VOLLEY_AGAIN);
        CHECK(call.status(3) == VOLLEY_OK);
    }
}

TEST_CASE("a child's abilities are those of its first line") {
    Call call({5, 5});
    CHECK(!call.take(done(0)));
    CHECK(!call.take(R"({"volley":1,"chains":true,"cancels":true})"));
    call.fake.jobs[1].cancelled = 1;
    call.exchange.sender.send_cancelled(call.outbox);
    CHECK(call.outbox.bytes.find("cancelled") == std::string::npos);
}

TEST_CASE("skipped counts only behind a failure of the group") {
    Call call({5, 5, 5});
    CHECK(!call.take(R"({"volley":1,"chains":true})"));
    SECTION("there is one") {
        CHECK(!call.take(done(0)));
        CHECK(!call.take(answer(2, R"("skipped":true)")));  // may come before the failure's own answer
        CHECK(!call.take(answer(1, R"("retry":"x")")));
        CHECK(call.status(2) == VOLLEY_AGAIN);
    }
    SECTION("there is none") {
        CHECK(!call.take(done(0)));
        CHECK(!call.take(answer(1, R"("skipped":true)")));
        CHECK(!call.take(answer(2, R"("skipped":true)")));
        CHECK(call.status(1) == VOLLEY_E_RETRY);
        CHECK(call.fake.jobs[1].explanation.find("skipped it") != std::string::npos);
    }
    CHECK(call.exchange.requests.is_over());
}

TEST_CASE("only a message that the child has read was at work") {
    Call call({0, 0});
    const std::size_t first_line = call.outbox.bytes.find('\n') + 1;
    call.outbox.advance(call.outbox.bytes.size());
    CHECK(!call.exchange.at_work.has_read_any(0));
    CHECK(call.exchange.at_work.has_read_any(1));
    CHECK(!call.take(done(0)));
    CHECK(!call.exchange.at_work.has_read_any(first_line));
    CHECK(call.exchange.at_work.has_read_any(first_line + 1));
    call.exchange.at_work.blame(first_line + 1, VOLLEY_REASON_CRASH, "it died");
    CHECK(call.status(1) == VOLLEY_E_RETRY);
    CHECK(call.fake.jobs[1].explanation == "it died");
}

TEST_CASE("of several messages at work, each runs alone in the next child") {
    Call call({0, 0, 0, 0}, 2);
    call.outbox.advance(call.outbox.bytes.size());
    call.exchange.at_work.note(Exchange::Clock::now());
    call.exchange.at_work.blame(1'000'000, VOLLEY_REASON_CRASH, "it died");
    CHECK(call.status(0) == VOLLEY_PENDING);
    CHECK(call.status(1) == VOLLEY_PENDING);
    CHECK(call.status(2) == VOLLEY_AGAIN);
    CHECK(call.status(3) == VOLLEY_AGAIN);
    const auto next_child = [&call] {
        call.outbox.reset();
        call.exchange.begin_child();
        call.exchange.sender.send_more(call.outbox);
    };
    next_child();
    CHECK(call.sent() == "0 ");
    SECTION("the first one is innocent") {
        CHECK(!call.take(done(0)));
        CHECK(call.sent() == "0 1 ");
        call.outbox.advance(call.outbox.bytes.size());
        call.exchange.at_work.blame(1'000'000, VOLLEY_REASON_CRASH, "it died again");
        CHECK(call.status(0) == VOLLEY_OK);
        CHECK(call.status(1) == VOLLEY_E_RETRY);
        CHECK(call.fake.jobs[1].explanation == "it died again");
    }
    SECTION("the first one did it") {
        call.outbox.advance(call.outbox.bytes.size());
        call.exchange.at_work.blame(1'000'000, VOLLEY_REASON_CRASH, "it died again");
        CHECK(call.status(0) == VOLLEY_E_RETRY);
        next_child();
        CHECK(!call.take(done(1)));
        CHECK(call.status(1) == VOLLEY_OK);
    }
    CHECK(call.exchange.requests.is_over());
}

TEST_CASE("nothing that comes later runs beside a message that runs alone") {
    Call call({0, 0}, 2);
    call.outbox.advance(call.outbox.bytes.size());
    call.exchange.at_work.blame(1'000'000, VOLLEY_REASON_CRASH, "it died");
    FakeJobs later({0});
    call.exchange.requests.add(later.tasks.data(), later.count(), sizeof(volley_task));
    call.outbox.reset();
    call.exchange.begin_child();
    call.exchange.sender.send_more(call.outbox);
    CHECK(!call.take(done(0)));
    call.exchange.sender.send_more(call.outbox);
    CHECK(call.sent() == "0 1 ");
    CHECK(!call.take(done(1)));
    CHECK(call.sent() == "0 1 2 ");
}

TEST_CASE("a child that ends by itself with several messages at work leaves each to run alone") {
    Call call({0, 0, 0}, 2);
    call.outbox.advance(call.outbox.bytes.size());
    call.exchange.at_work.note(Exchange::Clock::now());
    CHECK(!call.take(done(0)));
    call.exchange.at_work.isolate(1'000'000);
    call.outbox.reset();
    call.exchange.begin_child();
    call.exchange.sender.send_more(call.outbox);
    CHECK(call.sent() == "1 ");
    CHECK(!call.take(done(1)));
    CHECK(call.sent() == "1 2 ");
}

TEST_CASE("what a child has skipped before its end is answered by the next one") {
    Call call({5, 5});
    CHECK(!call.take(R"({"volley":1,"chains":true})"));
    CHECK(!call.take(answer(1, R"("skipped":true)")));
    call.outbox.reset();
    call.exchange.begin_child();
    call.exchange.sender.send_more(call.outbox);
    CHECK(!call.take(done(0)));
    CHECK(call.status(0) == VOLLEY_OK);
    CHECK(!call.take(done(1)));
    CHECK(call.status(1) == VOLLEY_OK);
    CHECK(call.exchange.requests.is_over());
}

TEST_CASE("a message that is out of time lets the others at work go on") {
    Call call({0, 7, 7, 0}, 2);
    CHECK(!call.take(R"({"volley":1,"chains":true})"));
    const auto begin = Exchange::Clock::now();
    const std::chrono::milliseconds second(1000);
    call.exchange.at_work.note(begin);
    CHECK(call.exchange.at_work.first_deadline(second) == begin + second);
    CHECK(!call.take(done(0)));
    // The third waits for the second, so the fourth is at work.
    call.exchange.at_work.note(begin + second / 2);
    call.exchange.time_out(begin + second, second, "too slow");
    CHECK(call.status(1) == VOLLEY_E_RETRY);
    CHECK(call.fake.tasks[1].reason == VOLLEY_REASON_TIMEOUT);
    CHECK(call.status(2) == VOLLEY_AGAIN);
    CHECK(call.status(3) == VOLLEY_PENDING);
    CHECK(call.exchange.requests.is_waiting());
    CHECK(!call.take(done(1)));  // too late
    CHECK(!call.take(done(3)));
    CHECK(call.status(1) == VOLLEY_E_RETRY);
    CHECK(call.status(3) == VOLLEY_OK);
    CHECK(call.exchange.requests.is_over());
}

TEST_CASE("what is given back stays so, whatever still comes") {
    Call call({0, 0});
    give_back(call.exchange.requests);
    CHECK(!call.take(done(0)));
    CHECK(!call.take(answer(1, R"("outputs":NaN)")));
    CHECK(call.status(0) == VOLLEY_AGAIN);
    CHECK(call.status(1) == VOLLEY_AGAIN);
    CHECK(call.fake.jobs[0].outputs.empty());
}

TEST_CASE("a new child gets what is not answered, and nothing behind a failure of its group") {
    Call call({5, 6, 5, 6});
    CHECK(!call.take(R"({"volley":1,"chains":true})"));
    CHECK(!call.take(answer(0, R"("fail":"x")")));
    call.outbox.reset();
    call.exchange.begin_child();
    call.exchange.sender.send_more(call.outbox);
    CHECK(call.sent() == "1 ");
    CHECK(!call.take(done(1)));
    CHECK(!call.take(done(3)));
    CHECK(call.exchange.requests.is_over());
    CHECK(call.status(2) == VOLLEY_AGAIN);
    CHECK(call.status(3) == VOLLEY_OK);
}

TEST_CASE("a child that takes batches gets the messages of a call in one line", "[batch]") {
    Call call({0, 0, 0, 0}, 1, true);
    CHECK(call.sent() == "0 ");  // whether it takes batches is not known yet
    CHECK(!call.take(R"({"volley":2,"chains":true,"batches":true})"));
    CHECK(call.sent() == "0 1 2 3 ");
    CHECK(call.outbox.bytes.find("\n{\"batch\":[{\"id\":\"1000001\",") != std::string::npos);
    CHECK(std::count(call.outbox.bytes.begin(), call.outbox.bytes.end(), '\n') == 2);
    CHECK(call.outbox.bytes.substr(call.outbox.bytes.size() - 3) == "]}\n");
    for (const std::size_t i : std::vector<std::size_t>{2, 1, 0, 3}) CHECK(!call.take(done(i)));
    CHECK(call.exchange.requests.is_over());
}

TEST_CASE("a child that takes no batches gets the messages one by one", "[batch]") {
    Call call({0, 0, 0}, 1, true);
    CHECK(call.sent() == "0 ");
    CHECK(!call.take(done(0)));
    CHECK(call.sent() == "0 1 2 ");
    CHECK(call.outbox.bytes.find("batch") == std::string::npos);
}

TEST_CASE("all messages of a batch are at work, and the next batch is not", "[batch]") {
    FakeJobs fake({0, 0, 0, 0, 0});
    Exchange exchange(fake.table, "test", 1000, 1, {}, true);
    Outbox outbox;
    exchange.begin_child();
    exchange.requests.add(fake.tasks.data(), 3, sizeof(volley_task));
    exchange.sender.send_more(outbox);
    CHECK(!exchange.answers.take({R"({"volley":2,"batches":true})", false}));
    CHECK(!exchange.answers.take({done(0), false}));
    exchange.requests.add(fake.tasks.data() + 3, 2, sizeof(volley_task));
    exchange.sender.send_more(outbox);
    const auto now = Exchange::Clock::now();
    exchange.at_work.note(now);
    exchange.time_out(now + std::chrono::seconds(1), std::chrono::seconds(1), "late");
    CHECK(fake.tasks[3].status == VOLLEY_AGAIN);
    CHECK(fake.tasks[4].status == VOLLEY_AGAIN);
    // Nobody knows which one of the batch it was.
    CHECK(fake.tasks[1].status == VOLLEY_PENDING);
    CHECK(fake.tasks[2].status == VOLLEY_PENDING);
    CHECK_FALSE(exchange.requests.is_waiting());
    CHECK(!exchange.answers.take({done(1), false}));  // too late
    CHECK(fake.tasks[1].status == VOLLEY_PENDING);
    give_back_but_alone(exchange.requests);
    exchange.begin_child();
    exchange.sender.send_more(outbox);
    exchange.at_work.note(now);
    exchange.time_out(now + std::chrono::seconds(1), std::chrono::seconds(1), "late");
    CHECK(fake.tasks[1].status == VOLLEY_E_RETRY);
    CHECK(fake.tasks[2].status == VOLLEY_PENDING);
}

TEST_CASE("after the death of a child each message of its batch runs alone", "[batch]") {
    Call call({0, 0, 0}, 1, true);
    CHECK(!call.take(R"({"volley":2,"batches":true})"));
    CHECK(!call.take(done(0)));
    call.exchange.at_work.blame(call.outbox.position(), VOLLEY_REASON_CRASH, "it died");
    CHECK(call.status(1) == VOLLEY_PENDING);
    call.outbox = {};
    call.exchange.begin_child();
    call.exchange.sender.send_more(call.outbox);
    CHECK(call.sent() == "1 ");
    CHECK(!call.take(R"({"volley":2,"batches":true})"));
    CHECK(call.sent() == "1 ");
    CHECK(!call.take(done(1)));
    CHECK(call.sent() == "1 2 ");
    CHECK(call.outbox.bytes.find("batch") == std::string::npos);
}
