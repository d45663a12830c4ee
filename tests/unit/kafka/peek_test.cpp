// Peeking at topics outside the group, and settled dead letters.
#include <algorithm>

#include "cluster.hpp"

using namespace volley;
using namespace volley::test;

namespace {

// A consumer that is opened and only inspected.
struct Inspector {
    Inspector(Rig& rig, const Cluster& cluster, bool dead_letters, const std::string& group = "g")
        : consumer(make(rig, cluster, dead_letters, group)),
          inspect(static_cast<const volley_ext_inspect*>(consumer.extension(VOLLEY_EXT_INSPECT))) {
        REQUIRE(inspect != nullptr);
        if (auto opened = consumer.open(); !opened) FAIL(opened.error().text);
    }
    Inspector(const Inspector&) = delete;
    Inspector& operator=(const Inspector&) = delete;

    std::vector<Received> peek(std::uint32_t limit, std::uint64_t skip = 0) {
        Room room(limit);
        check(inspect->peek(consumer.get(), &room.batch, skip, &error));
        return room.received();
    }
    std::vector<Received> find(const std::string& id) {
        Room room(1);
        check(inspect->find(consumer.get(), view_of(id), &room.batch, &error));
        return room.received();
    }
    std::uint64_t remove(const std::string& id) {
        std::uint64_t removed = 7;
        check(inspect->remove(consumer.get(), view_of(id), &removed, &error));
        return removed;
    }
    std::int64_t count() {
        volley_stats stats{};
        stats.struct_size = sizeof stats;
        check(inspect->stats(consumer.get(), &stats, &error));
        return stats.ready;
    }

    volley_error error = [] {
        volley_error e{};
        e.struct_size = sizeof e;
        return e;
    }();
    plugins::Consumer consumer;
    const volley_ext_inspect* inspect;

private:
    void check(std::int32_t status) const {
        if (status != VOLLEY_OK) FAIL(error.text);
    }
    static plugins::Consumer make(Rig& rig, const Cluster& cluster, bool dead_letters,
                                  const std::string& group) {
        plugins::Services services{.queue = "dead", .component = "test"};
        services.for_dead_letters = dead_letters;
        auto made = plugins::Consumer::create(rig.find(plugins::Kind::consumer), services,
                                              cluster.config(R"(,"group.id":")" + group + '"'), "t", "/");
        if (!made) FAIL(made.error().text);
        return std::move(*made);
    }
};

void fill(Rig& rig, const Cluster& cluster, int partitions, int each) {
    Sender sender(rig, "t", cluster.config());
    Outgoing out;
    for (int n = 0; n < each; ++n)
        for (int partition = 0; partition < partitions; ++partition) {
            volley_record& record = out.add(std::to_string(n * partitions + partition));
            record.partition = partition;
            record.timestamp_ms = 1'700'000'000'000 + n * partitions + partition;
        }
    REQUIRE(sender.send(out) == out.records.size());
    REQUIRE(until([&] { return sender.reports().size() == out.records.size(); }));
    REQUIRE(sender.producer.close(5000));
}

std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> all;
    for (int n = from; n < to; ++n) all.push_back(std::to_string(n));
    return all;
}

}  // namespace

TEST_CASE("peek shows all partitions by time, page by page, and commits nothing", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 3, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 3, 20);
    Inspector inspector(rig, cluster, false);
    CHECK(inspector.count() == 60);
    const auto first = inspector.peek(25);
    CHECK(bodies(first) == numbers(0, 25));
    CHECK(first[4].id == "t/1/1");
    CHECK(bodies(inspector.peek(25, 25)) == numbers(25, 50));
    CHECK(bodies(inspector.peek(25, 50)) == numbers(50, 60));
    CHECK(inspector.peek(25, 60).empty());
    CHECK(bodies(inspector.peek(5, 10)) == numbers(10, 15));
    CHECK(bodies(inspector.find("t/2/3")) == std::vector<std::string>{"11"});
    CHECK(bodies(inspector.peek(5, 15)) == numbers(15, 20));
    for (const char* nowhere : {"t/2/20", "t/7/0", "other/0/0", "no place"})
        CHECK(inspector.find(nowhere).empty());
    REQUIRE(inspector.consumer.close(5000));
    for (int partition = 0; partition < 3; ++partition) CHECK(cluster.committed("g", "t", partition) == -1);
}

TEST_CASE("messages that the group has committed are not unread", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 1, 20);
    Member member(rig, "t", cluster.config(R"(,"group.id":"g")"));
    REQUIRE(until([&] {
        member.serve();
        return member.came.size() == 20;
    }));
    REQUIRE(member.commit(0, member.epochs[0], 12, true) == VOLLEY_OK);
    Inspector inspector(rig, cluster, false);
    CHECK(inspector.count() == 8);
    CHECK(bodies(inspector.peek(100)) == numbers(12, 20));
    // The inspection has not joined the group: the member still has the partition.
    for (int i = 0; i < 20; ++i) member.serve();
    CHECK(member.epochs.size() == 1);
    CHECK_FALSE(member.failure);
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("a removed dead letter and its resolution are hidden from every client", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 2, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 2, 5);
    Inspector inspector(rig, cluster, true);
    const auto all = inspector.peek(100);
    REQUIRE(bodies(all) == numbers(0, 10));
    CHECK(inspector.remove(all[3].id) == 1);
    CHECK(inspector.remove(all[4].id) == 1);
    CHECK(inspector.remove(all[3].id) == 0);
    CHECK(inspector.remove("t/0/99") == 0);
    CHECK(inspector.find(all[3].id).empty());
    const std::vector<std::string> left{"0", "1", "2", "5", "6", "7", "8", "9"};
    CHECK(bodies(inspector.peek(100)) == left);
    CHECK(inspector.count() == 8);
    Inspector other(rig, cluster, true);
    CHECK(bodies(other.find(all[5].id)) == std::vector<std::string>{"5"});
    CHECK(other.find(all[3].id).empty());
    CHECK(other.remove(all[3].id) == 0);
    CHECK(bodies(other.peek(100)) == left);
    // The other one notices what the first removes later.
    CHECK(inspector.remove(all[9].id) == 1);
    CHECK(other.find(all[9].id).empty());
    std::uint64_t removed = 0;
    CHECK(other.inspect->purge(other.consumer.get(), &removed, nullptr) == VOLLEY_OK);
    CHECK(removed == 7);
    CHECK(other.peek(100).empty());
    CHECK(inspector.peek(100).empty());
    CHECK(inspector.count() == 0);
    fill(rig, cluster, 2, 1);
    CHECK(bodies(inspector.peek(100)) == numbers(0, 2));
    CHECK(inspector.count() == 2);
}

TEST_CASE("a resolution that was copied to a recreated topic hides no later letter", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    {
        Sender sender(rig, "t", cluster.config());
        Outgoing out;
        const volley_header header{out.keep("volley-resolves"), out.keep("t/0/2")};
        volley_record& record = out.add("{}");
        record.key = out.keep("t/0/2");
        record.headers = &header;
        record.header_count = 1;
        REQUIRE(sender.send(out) == 1);
        REQUIRE(until([&] { return sender.reports().size() == 1; }));
        REQUIRE(sender.producer.close(10'000));
    }
    fill(rig, cluster, 1, 3);
    Inspector inspector(rig, cluster, true);
    CHECK(bodies(inspector.peek(100)) == numbers(0, 3));
}

TEST_CASE("only dead letters can be removed from a log", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 1, 1);
    Inspector inspector(rig, cluster, false);
    std::uint64_t removed = 7;
    CHECK(inspector.inspect->remove(inspector.consumer.get(), view_of("t/0/0"), &removed, &inspector.error) ==
          VOLLEY_E_UNSUPPORTED);
    CHECK(std::string(inspector.error.text).find("dead_letter_queue") != std::string::npos);
    CHECK(inspector.inspect->purge(inspector.consumer.get(), &removed, &inspector.error) ==
          VOLLEY_E_UNSUPPORTED);
    CHECK(inspector.count() == 1);
}

TEST_CASE("a group that reads dead letters gets no resolutions, and commits past them", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 1, 1);
    Rig rig("kafka.so");
    fill(rig, cluster, 1, 3);
    Inspector inspector(rig, cluster, true, "looks");
    const auto all = inspector.peek(100);
    CHECK(inspector.remove(all[0].id) == 1);  // offset 3
    CHECK(inspector.remove(all[1].id) == 1);  // offset 4
    Member member(rig, "t", cluster.config(R"(,"group.id":"g")"));
    REQUIRE(until([&] {
        member.serve();
        return member.came.size() >= 3;
    }));
    const std::uint32_t epoch = member.epochs[0];
    SECTION("they come while something before them is unfinished") {
        for (int i = 0; i < 20; ++i) member.serve();
        CHECK(member.came == std::vector<std::int64_t>{0, 1, 2});
        REQUIRE(member.commit(0, epoch, 2, true) == VOLLEY_OK);
        CHECK(cluster.committed("g", "t", 0) == 2);
        REQUIRE(member.commit(0, epoch, 3, true) == VOLLEY_OK);
        CHECK(cluster.committed("g", "t", 0) == 5);
    }
    SECTION("they come after all was committed") {
        REQUIRE(member.commit(0, epoch, 3, true) == VOLLEY_OK);
        CHECK(inspector.remove(all[2].id) == 1);  // offset 5
        CHECK(until([&] {
            member.serve();
            return cluster.committed("g", "t", 0) == 6;
        }));
        CHECK(member.came.size() == 3);
    }
    REQUIRE(member.consumer.close(5000));
}

TEST_CASE("letters that are removed together share resolution records", "[kafka]") {
    Cluster cluster;
    rd_kafka_mock_topic_create(cluster.mock, "t", 2, 1);
    Rig rig("kafka.so");
    constexpr int each = 300;
    fill(rig, cluster, 2, each);
    Inspector inspector(rig, cluster, true);
    const auto* removal =
        static_cast<const volley_ext_removal*>(inspector.consumer.extension(VOLLEY_EXT_REMOVAL));
    REQUIRE(removal != nullptr);
    std::size_t removed_in_all = 0;
    // The first letter of every page stays, as if its removal had failed.
    for (std::uint64_t left = 0;;) {
        const auto page = inspector.peek(100, left);
        if (page.empty()) break;
        std::vector<volley_view> ids;
        for (std::size_t i = 1; i < page.size(); ++i) ids.push_back(view_of(page[i].id));
        ids.push_back(volley_text("t/0/99999"));
        ids.push_back(volley_text("no place"));
        std::vector<std::uint32_t> removed(ids.size(), 0);
        REQUIRE(removal->remove_all(inspector.consumer.get(), ids.data(),
                                    static_cast<std::uint32_t>(ids.size()), removed.data(),
                                    &inspector.error) == VOLLEY_OK);
        CHECK(std::count(removed.begin(), removed.end(), 1U) == static_cast<int>(page.size()) - 1);
        CHECK((removed.end()[-1] == 0 && removed.end()[-2] == 0));
        removed_in_all += page.size() - 1;
        ++left;
    }
    CHECK(removed_in_all == 594);
    Inspector other(rig, cluster, true, "other");
    CHECK(bodies(other.peek(100)) == bodies(inspector.peek(100)));
    CHECK(other.count() == 6);
    // Adjacent letters share a record: the ends of the partitions show how many records there are.
    Inspector raw(rig, cluster, false, "raw");
    CHECK(raw.count() > 2 * each);
    CHECK(raw.count() < 2 * each + 30);
}
