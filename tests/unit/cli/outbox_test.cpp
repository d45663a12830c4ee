// The outbox in front of a store that does not answer in time.
#include "queues/outbox.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "volley/abi.hpp"

using namespace volley;

namespace {

// A store that reports nothing before it is closed, and reads what it accepted until then, as a client
// library does that was given the records without a copy.
struct Store {
    volley_report_fn report = nullptr;
    void* context = nullptr;
    std::vector<volley_record> accepted;
    std::vector<std::string> read_at_close;
    bool reports = true;

    static Store& instance() {
        static Store store;
        return store;
    }
};

std::int32_t create(const volley_host*, const volley_options*, volley_report_fn report, void* context,
                    volley_producer** out, volley_error*) {
    Store& store = Store::instance();
    store = {};
    store.report = report;
    store.context = context;
    *out = reinterpret_cast<volley_producer*>(&store);
    return VOLLEY_OK;
}

std::int32_t produce(volley_producer*, const volley_record* records, std::uint32_t count,
                     std::uint32_t stride, std::uint32_t* accepted, volley_error*) {
    for (std::uint32_t i = 0; i < count; ++i)
        Store::instance().accepted.push_back(element(records, stride, i));
    *accepted = count;
    return VOLLEY_OK;
}

std::int32_t flush(volley_producer*, std::uint32_t, volley_error* error) {
    return volley_fail(error, VOLLEY_E_RETRY, "the store does not answer");
}

std::int32_t close(volley_producer*, std::uint32_t, volley_error*) {
    Store& store = Store::instance();
    for (const volley_record& record : store.accepted) {
        store.read_at_close.push_back(std::string(text_of(record.key)) + " " +
                                      std::string(text_of(record.headers[0].value)) + " " +
                                      std::string(text_of(record.body)));
        volley_report report{};
        report.token = record.token;
        report.status = VOLLEY_E_UNKNOWN;
        if (store.reports) store.report(store.context, &report, 1, sizeof report);
    }
    return VOLLEY_OK;
}

void destroy(volley_producer*) {}

constexpr volley_producer_class functions{
    sizeof(volley_producer_class), 0, &create, nullptr, &produce, nullptr, &flush, &close, &destroy, nullptr};
constexpr volley_class producer{sizeof(volley_class),
                                VOLLEY_KIND_PRODUCER,
                                VOLLEY_CAN_KEY | VOLLEY_CAN_HEADERS,
                                "Late",
                                "",
                                nullptr,
                                nullptr,
                                &functions};
constexpr const volley_class* classes[] = {&producer};
constexpr volley_plugin plugin{sizeof(volley_plugin),
                               VOLLEY_ABI_MINOR,
                               0,
                               1,
                               classes,
                               "late",
                               "1.0.0",
                               nullptr,
                               nullptr,
                               "",
                               "",
                               nullptr};

// Long enough to be on the heap.
std::string written(int round, int number) {
    return std::string(200, static_cast<char>('a' + round)) + std::to_string(number);
}

}  // namespace

TEST_CASE("what a store has not reported stays where it is until the store is closed", "[cli]") {
    plugins::Catalog catalog({});
    REQUIRE(catalog.add(&plugin, "late"));
    Config config;
    QueueConfig queue;
    queue.name = queue.value = "out";
    queue.type = "late";
    constexpr int rounds = 3;
    constexpr int each = 100;
    std::vector<std::string> sent;
    const bool store_reports = GENERATE(true, false);
    {
        auto outbox = queues::Outbox::open(config, catalog, queue);
        REQUIRE(outbox);
        Store::instance().reports = store_reports;
        for (int round = 0; round < rounds; ++round) {
            for (int n = 0; n < each; ++n) {
                const std::string one = written(round, n);
                queues::Outgoing outgoing;
                outgoing.body = one;
                outgoing.key = one;
                outgoing.headers.emplace_back("name", one);
                outbox->add(outgoing);
                sent.push_back(one + " " + one + " " + one);
            }
            CHECK_FALSE(outbox->flush());
            CHECK(outbox->is_empty());
        }
    }
    CHECK(Store::instance().read_at_close == sent);
    if (store_reports) return;
    // Nor is it freed under a client library that goes on behind a producer that is gone.
    const volley_record& first = Store::instance().accepted.front();
    CHECK(text_of(first.body) == written(0, 0));
}
