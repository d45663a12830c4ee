// Any bytes as what a child writes: the lines are read, and each message of the call gets one status.
//
// The input's first line says how: the first byte how many messages there are, the next the group of each,
// then of how many bytes a piece is. The rest is the child's, in which the messages' ids are 1000000,
// 1000001, …
#include <rapidjson/document.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "../unit/handlers/fake_jobs.hpp"
#include "handlers/exchange.hpp"
#include "log/log.hpp"

namespace {

using namespace volley;
using namespace volley::handlers;

constexpr std::size_t longest_answer = 2000;

void require(bool holds) {
    if (!holds) std::abort();
}

bool is_json(std::string_view text) {
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                               rapidjson::kParseNumbersAsStringsFlag;
    rapidjson::Document document;
    document.Parse<flags>(text.data(), text.size());
    return !document.HasParseError();
}

// What our reader takes, another takes, too; and what it lends is of the line, or its own.
void check_line(std::string_view line, Answer& answer) {
    named_id(line);
    if (parse_answer(line, answer)) return;
    require(is_json(line));
    const auto is_within = [](std::string_view part, std::string_view whole) {
        return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
    };
    for (const AnswerOutput& output : answer.outputs) {
        require(output.first_header + output.header_count <= answer.headers.size());
        if (output.body) require(is_within(*output.body, line) || is_within(*output.body, answer.texts));
        if (output.key) require(is_within(*output.key, line) || is_within(*output.key, answer.texts));
    }
    for (const volley_header& header : answer.headers) {
        if (is_absent(header.value)) continue;
        require(is_within(text_of(header.value), line) || is_within(text_of(header.value), answer.texts));
    }
}

bool is_final(std::int32_t status) {
    return status == VOLLEY_OK || status == VOLLEY_DROP || status == VOLLEY_AGAIN ||
           status == VOLLEY_E_RETRY || status == VOLLEY_E_PERMANENT;
}

// A message is finished once, and what it ended in stays.
void check_statuses(const FakeJobs& fake, std::vector<std::int32_t>& before) {
    for (std::size_t i = 0; i < before.size(); ++i) {
        const std::int32_t now = fake.tasks[i].status;
        require(before[i] == VOLLEY_PENDING || now == before[i]);
        require(fake.jobs[i].finished == (now == VOLLEY_PENDING ? 0 : 1));
        require(fake.jobs[i].outputs.empty() || now == VOLLEY_OK);
        before[i] = now;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    log::configure(log::Level::off, log::Format::text);
    std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::string_view plan = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(plan.size() + 1, input.size()));
    const auto at = [&plan](std::size_t i) {
        return i < plan.size() ? static_cast<unsigned char>(plan[i]) : 1U;
    };
    std::vector<std::uint32_t> groups(1 + at(0) % 8);
    for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = at(i + 1) % 4;
    const std::size_t piece = 1 + at(groups.size() + 1);
    const bool ends_clean = at(groups.size() + 2) % 2 == 0;
    const std::uint32_t concurrency = 1 + at(groups.size() + 3) % 3;
    const auto start_child = [](Exchange& exchange, Outbox& outbox) {
        outbox.reset();
        exchange.begin_child();
        exchange.sender.send_more(outbox);
    };

    FakeJobs fake(groups);
    Exchange exchange(fake.table, "fuzz", longest_answer, concurrency);
    LineReader lines(longest_answer);
    Outbox outbox;
    Answer answer;
    std::vector<std::int32_t> statuses(groups.size(), VOLLEY_PENDING);
    exchange.begin_child();
    exchange.requests.add(fake.tasks.data(), fake.count(), sizeof(volley_task));
    exchange.sender.send_more(outbox);
    for (std::size_t begin = 0; begin < input.size(); begin += piece) {
        lines.append(input.substr(begin, piece));
        while (const auto line = lines.next()) {
            require(line->text.size() <= longest_answer);
            check_line(line->text, answer);
            if (exchange.answers.take(*line)) {
                exchange.at_work.blame(outbox.taken, VOLLEY_REASON_CRASH, "it wrote a line without end");
                start_child(exchange, outbox);
            }
            check_statuses(fake, statuses);
            if (exchange.requests.is_over()) continue;
            exchange.at_work.note(Exchange::Clock::now());
            exchange.sender.send_more(outbox);
            exchange.sender.send_cancelled(outbox);
            outbox.advance(outbox.pending().size() / 2);
        }
    }
    if (!exchange.requests.is_over()) {
        if (!ends_clean) exchange.at_work.blame(outbox.taken, VOLLEY_REASON_CRASH, "it died");
        if (at(groups.size() + 4) % 2 == 0)
            exchange.time_out(Exchange::Clock::now(), Exchange::Clock::duration(0), "too late");
        check_statuses(fake, statuses);
        give_back(exchange.requests);
    }
    require(exchange.requests.is_over());
    for (const volley_task& task : fake.tasks) require(is_final(task.status));
    return 0;
}
