// Checks what docs/plugin-contract.md states for each status of each call. The table on that page drives this
// test.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "answers.hpp"
#include "plugins/call_error.hpp"

using answers::Ended;
using answers::Store;
using Catch::Matchers::Contains;

namespace {

struct Row {
    std::string call;                // its name on the page
    std::vector<std::string> cells;  // in the order of `columns`
};

const std::vector<std::vector<std::int32_t>> columns = {
    {VOLLEY_E_RETRY},
    {VOLLEY_E_UNKNOWN},
    {VOLLEY_E_LOST},
    {VOLLEY_E_PERMANENT, VOLLEY_E_TOO_LARGE, VOLLEY_E_UNSUPPORTED},
    {VOLLEY_E_CONFIG, VOLLEY_E_UNAUTHORIZED, VOLLEY_E_FENCED},
    {VOLLEY_E_FATAL},
    {VOLLEY_AGAIN, VOLLEY_PENDING, VOLLEY_END, VOLLEY_DROP, 99, -99},
};

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells;
    for (std::size_t at = 1; at < line.size();) {
        const std::size_t end = line.find('|', at);
        if (end == std::string::npos) break;
        std::string cell = line.substr(at, end - at);
        cell.erase(0, cell.find_first_not_of(' '));
        cell.erase(cell.find_last_not_of(' ') + 1);
        cells.push_back(cell);
        at = end + 1;
    }
    return cells;
}

// Returns the rows of the page's first table.
std::vector<Row> rows() {
    std::ifstream page(VOLLEY_CONTRACT_PAGE);
    std::vector<Row> all;
    bool in_table = false;
    for (std::string line; std::getline(page, line);) {
        if (line.rfind("|---", 0) == 0) {
            in_table = true;
        } else if (in_table && line.rfind('|', 0) != 0) {
            break;
        } else if (in_table) {
            std::vector<std::string> cells = cells_of(line);
            const std::string call = cells.front();
            cells.erase(cells.begin());
            all.push_back({call, std::move(cells)});
        }
    }
    return all;
}

// Which call of the plugin a row stands for, and how to make the engine call it.
struct Way {
    std::string call;
    std::vector<std::int32_t> not_errors = {};  // statuses that are not errors of this call
    std::function<void(Store&)> set_up = [](Store&) {};
};

void hold_back(Store& store) {
    store.hold = store.call;
    store.max_in_flight = 4;
}
void consuming(Store& store) {
    store.after = 1;
    store.max_in_flight = 4;  // so that there are further calls
}
void log(Store& store) { store.log = true; }
void pausing(Store& store) {
    store.log = true;
    store.max_in_flight = 4;
    store.hold = "pause in";
}
void leases(Store& store) {
    store.leases = true;
    store.hold = store.call;
}
void commits(Store& store) { store.atomic = true; }
void posts(Store& store) { store.atomic = store.posts = true; }
void handler(Store& store) { store.handler = true; }
void finishing(Store& store) { store.handler = store.pending = true; }

const std::map<std::string, Way> ways = {
    {"consumer: `create`", {"create in"}},
    {"consumer: `open`", {"open in"}},
    {"consumer: `consume`", {"consume in", {VOLLEY_END}, consuming}},
    {"consumer: `poll`", {"poll in", {}, hold_back}},
    {"consumer: `settle`", {"settle in"}},
    {"consumer: a result of `settle`", {"result of settle"}},
    {"consumer: `close`", {"close in"}},
    {"volley.log: `commit`", {"commit in", {}, log}},
    {"volley.partitions: `pause`", {"pause in", {}, pausing}},
    {"volley.partitions: `resume`", {"resume in", {}, [](Store& s) { pausing(s), s.hold_times = 1; }}},
    {"volley.lease: `extend`", {"extend in", {}, leases}},
    {"volley.lease: a result of `extend`", {"result of extend", {}, leases}},
    {"volley.inspect: `stats`", {"stats in"}},
    {"volley.identity: `identity`", {"identity in"}},
    {"producer: `create`", {"create out"}},
    {"producer: `open`", {"open out"}},
    {"producer: `produce`", {"produce out", {VOLLEY_AGAIN}}},
    {"producer: a report", {"report out"}},
    {"producer: `poll`", {"poll out"}},
    {"producer: `flush`", {"flush out", {VOLLEY_AGAIN}, hold_back}},
    {"producer: `close`", {"close out"}},
    {"volley.atomic: `commit`", {"commit out", {}, commits}},
    {"volley.atomic: `outcome`", {"outcome out", {VOLLEY_PENDING}, posts}},
    {"handler: `create`", {"create handler", {}, handler}},
    {"handler: `open`", {"open handler", {}, handler}},
    {"handler: `handle`", {"handle", {}, handler}},
    {"handler: the status of a task",
     {"status of a task", {VOLLEY_AGAIN, VOLLEY_PENDING, VOLLEY_DROP}, handler}},
    {"handler: the status of `finish`", {"status of a task", {VOLLEY_AGAIN, VOLLEY_DROP}, finishing}},
    {"handler: `close`", {"close handler", {}, handler}},
};

int exit_code_of(std::int32_t status) {
    if (status == VOLLEY_E_CONFIG) return 78;
    if (status == VOLLEY_E_UNAUTHORIZED) return 77;
    return status == VOLLEY_E_FENCED ? 79 : 70;
}

// The messages were processed, and the call was made again.
void check_goes_on(Store& store, const Ended& ended, int calls) {
    CHECK(ended.code == 0);
    CHECK(store.is_done());
    CHECK(store.count(store.call) >= calls);
}

void check_ends(Store& store, const Ended& ended) {
    const bool is_error = volley::plugins::is_error_status(store.status);
    CHECK(ended.code == exit_code_of(store.status));
    CHECK_THAT(ended.why, Contains("answers.so:"));
    const bool has_text = is_error && ended.why.find("as the test says") != std::string::npos;
    if (!has_text) CHECK_THAT(ended.why, Contains(volley::plugins::describe(store.status)));
    if (is_error && store.status != VOLLEY_E_FATAL) return;  // finished messages are settled
    CHECK(store.acked.size() == store.acked_at_answer);
    CHECK(store.committed == store.committed_at_answer);
    if (store.call != "stats in") CHECK_FALSE(store.is_done());  // called only when nothing is left to do
}

// The meaning of each word on the page.
const std::map<std::string, std::function<void(Store&)>> words = {
    {"no start",
     [](Store& store) {
         const Ended ended = run(store);
         CHECK(ended.code == 78);
         CHECK_THAT(ended.why, Contains(store.status < 0 && store.status != -99
                                            ? "as the test says"
                                            : volley::plugins::describe(store.status)));
     }},
    {"retried",
     [](Store& store) {
         store.times = 2;
         check_goes_on(store, run(store), store.after + 3);
         CHECK(store.acked.size() == static_cast<std::size_t>(store.messages));
         CHECK(store.dead_letters == 0);
     }},
    {"lost",
     [](Store& store) {
         store.times = 1;
         check_goes_on(store, run(store), 1);
         CHECK(store.lost.size() == 1);
     }},
    {"released",
     [](Store& store) {
         store.times = 1;
         check_goes_on(store, run(store), 1);
         CHECK(store.released == store.lost);
         CHECK(store.released.size() == 1);
     }},
    {"done",
     [](Store& store) {
         store.times = 1;
         check_goes_on(store, run(store), 1);
     }},
    {"ignored",
     [](Store& store) {
         store.times = 2;
         check_goes_on(store, run(store), 1);
     }},
    {"logged", [](Store& store) { check_goes_on(store, run(store), 1); }},
    {"refused",
     [](Store& store) {
         store.messages = 8;  // too few for the circuit breaker
         check_goes_on(store, run(store), 1);
         CHECK(store.dead_letters == store.messages);
         CHECK(store.sent == 0);
     }},
    {"replaced",
     [](Store& store) {
         store.times = 1;
         check_goes_on(store, run(store), 2);
         CHECK(store.count("create handler") == 2);
         CHECK(store.dead_letters == 0);
     }},
    {"ends", [](Store& store) { check_ends(store, run(store)); }},
};

void check_cell(const Way& way, const std::vector<std::int32_t>& statuses, const std::string& word) {
    INFO(word);
    REQUIRE(words.count(word) == 1);
    for (const std::int32_t status : statuses) {
        if (std::count(way.not_errors.begin(), way.not_errors.end(), status) > 0) continue;
        INFO(status);
        Store store;
        store.call = way.call;
        store.status = status;
        way.set_up(store);
        words.at(word)(store);
        CHECK(store.broken.empty());
    }
}

}  // namespace

TEST_CASE("the page says what the engine does on each status of each call", "[contract]") {
    const std::vector<Row> all = rows();
    CHECK(all.size() == ways.size());
    for (const Row& row : all) {
        DYNAMIC_SECTION(row.call) {
            REQUIRE(ways.count(row.call) == 1);
            REQUIRE(row.cells.size() == columns.size());
            for (std::size_t i = 0; i < columns.size(); ++i)
                check_cell(ways.at(row.call), columns[i], row.cells[i]);
        }
    }
}
