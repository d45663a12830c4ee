// Epochs, offsets and the end of assignments. Needs no broker.
#include "owned_partitions.hpp"

#include <catch2/catch.hpp>

using namespace volley;
using namespace volley::kafka;

TEST_CASE("each assignment of a partition is a new epoch", "[kafka]") {
    OwnedPartitions partitions;
    CHECK(partitions.assign("t", 0, -1).epoch == 1);
    CHECK(partitions.assign("t", 1, -1).epoch == 1);
    CHECK(partitions.assign("u", 0, -1).epoch == 1);
    partitions.revoke("t", 0);
    CHECK(partitions.find("t", 0) == nullptr);
    CHECK(partitions.assign("t", 0, -1).epoch == 2);
    CHECK(partitions.find("u", 0)->epoch == 1);
    CHECK(partitions.size() == 3);
    SECTION("also without a revocation before it") {
        CHECK(partitions.assign("t", 0, -1).epoch == 3);
        CHECK(partitions.size() == 3);
    }
}

TEST_CASE("a partition is found by topic and number, whichever was found before", "[kafka]") {
    OwnedPartitions partitions;
    for (const char* topic : {"t", "u"})
        for (std::int32_t number = 0; number < 3; ++number) partitions.assign(topic, number, number);
    for (int round = 0; round < 2; ++round) {
        for (const char* topic : {"t", "u", "t"}) {
            for (std::int32_t number = 0; number < 3; ++number) {
                const OwnedPartition* found = partitions.find(topic, number);
                REQUIRE(found != nullptr);
                CHECK(found->is(topic, number));
            }
        }
        CHECK(partitions.find("t", 3) == nullptr);
        CHECK(partitions.find("v", 0) == nullptr);
        partitions.revoke("t", 7);  // not assigned
    }
    partitions.find("u", 2);
    partitions.revoke("u", 2);
    CHECK(partitions.find("u", 2) == nullptr);
    CHECK(partitions.find("u", 1) != nullptr);
}

TEST_CASE("a topic's name keeps its place, also when its partitions are gone", "[kafka]") {
    OwnedPartitions partitions;
    const std::string* topic = partitions.assign("t", 0, -1).topic;
    partitions.revoke("t", 0);
    for (char name = 'a'; name < 's'; ++name) partitions.assign(std::string(1, name), 0, -1);
    CHECK(partitions.assign("t", 1, -1).topic == topic);
    const volley_partition view = partitions.find("t", 1)->view(7);
    CHECK(view.source.data == topic->data());
    CHECK((view.partition == 1 && view.epoch == 1 && view.offset == 7));
}

TEST_CASE("reading starts at the committed offset", "[kafka]") {
    OwnedPartitions partitions;
    const OwnedPartition known = partitions.assign("t", 0, 10);
    CHECK((known.read.position == 10 && known.read.last_read == 9 && known.committed() == 10));
    const OwnedPartition unknown = partitions.assign("t", 1, -1);
    CHECK((unknown.read.position == -1 && unknown.read.last_read == -1 && unknown.committed() == -1));
}

TEST_CASE("a commit of an epoch that is over is refused, and the others are not", "[kafka]") {
    OwnedPartitions partitions;
    const volley_partition old = partitions.assign("t", 0, 10).view(12);
    partitions.revoke("t", 0);
    CHECK_FALSE(partitions.request_commit(old));
    OwnedPartition& owned = partitions.assign("t", 0, 10);
    CHECK_FALSE(partitions.request_commit(old));
    CHECK_FALSE(owned.commit.is_due());
    CHECK(partitions.request_commit(owned.view(12)));
    CHECK(owned.commit.requested == 12);
    CHECK(partitions.request_commit(owned.view(11)));
    CHECK(owned.commit.requested == 12);
}

TEST_CASE("a commit of all that was delivered includes what was not delivered behind it", "[kafka]") {
    OwnedPartitions partitions;
    OwnedPartition& owned = partitions.assign("t", 0, 10);
    owned.read.position = owned.read.delivered_to = 15;
    owned.read.move_to(18);  // three offsets without a message
    owned.commit_to_position();
    CHECK_FALSE(owned.commit.is_due());  // a message before them is not done
    REQUIRE(partitions.request_commit(owned.view(14)));
    CHECK(owned.commit.requested == 14);
    REQUIRE(partitions.request_commit(owned.view(15)));
    CHECK(owned.commit.requested == 18);
    owned.read.move_to(20);
    owned.commit_to_position();
    CHECK(owned.commit.requested == 20);
}

TEST_CASE("offsets without any message are committed at once", "[kafka]") {
    OwnedPartitions partitions;
    OwnedPartition& owned = partitions.assign("t", 0, -1);
    owned.read.move_to(0);
    owned.commit_to_position();
    CHECK_FALSE(owned.commit.is_due());  // an empty partition
    owned.read.move_to(3);
    owned.commit_to_position();
    CHECK(owned.commit.requested == 3);
}

TEST_CASE("a group that has lost its offset has another log", "[kafka]") {
    OwnedPartitions partitions;
    CHECK_FALSE(partitions.assign("t", 0, -1).has_lost_offset());
    partitions.revoke("t", 0);
    OwnedPartition& owned = partitions.assign("t", 0, -1);
    CHECK_FALSE(owned.has_lost_offset());  // nothing was committed
    owned.commit.request(5);
    owned.commit.succeed(5);
    partitions.revoke("t", 0);
    CHECK_FALSE(partitions.assign("t", 0, 5).has_lost_offset());
    partitions.revoke("t", 0);  // nothing new was committed
    CHECK(partitions.assign("t", 0, -1).has_lost_offset());
}

TEST_CASE("a mark is kept if nobody has read the partition meanwhile", "[kafka]") {
    OwnedPartitions partitions;
    OwnedPartition& owned = partitions.assign("t", 0, 5);
    owned.history->mark.set(1000, 5, 5);
    owned.commit.request(8);
    owned.commit.succeed(8);
    partitions.revoke("t", 0);
    SECTION("the group is where it was left") { CHECK(partitions.assign("t", 0, 8).history->mark.is_set()); }
    SECTION("others have read on") { CHECK_FALSE(partitions.assign("t", 0, 9).history->mark.is_set()); }
    SECTION("the offset is lost") { CHECK_FALSE(partitions.assign("t", 0, -1).history->mark.is_set()); }
}

TEST_CASE("a partition of a new log is in a new epoch, and nothing is known of it", "[kafka]") {
    OwnedPartitions partitions;
    OwnedPartition& owned = partitions.assign("t", 0, 5);
    owned.read.position = owned.read.delivered_to = 9;
    owned.read.newest_ms = 1000;
    owned.history->mark.set(1000, 9, 9);
    owned.commit.request(9);
    owned.commit.succeed(9);
    owned.is_paused = true;
    const volley_partition before = owned.view(9);
    OwnedPartitions::restart(owned);
    CHECK(owned.epoch == before.epoch + 1);
    CHECK(owned.is("t", 0));
    CHECK((owned.read.position == -1 && owned.read.newest_ms == -1 && owned.committed() == -1));
    CHECK_FALSE(owned.history->mark.is_set());
    CHECK(owned.is_restarting);
    CHECK(owned.is_paused);  // librdkafka's state does not change
    CHECK_FALSE(partitions.request_commit(before));
    partitions.revoke("t", 0);
    CHECK(partitions.assign("t", 0, 3).epoch == before.epoch + 2);
}
