// What is dropped as a repeat, what is not, and what counts it.
#include "database.hpp"
#include "plugins/metrics.hpp"

using namespace volley;
using namespace volley::test;

namespace {

double counted(const std::string& name) {
    double sum = 0;
    for (const auto& sample : plugins::plugin_metrics())
        if (sample.name == "volley_plugin_" + name) sum += sample.value;
    return sum;
}

struct Counts {
    double repeats = counted("sqlite_repeats_dropped_total");
    double conflicts = counted("sqlite_id_conflicts_total");
    double more_repeats() const { return counted("sqlite_repeats_dropped_total") - repeats; }
    double more_conflicts() const { return counted("sqlite_id_conflicts_total") - conflicts; }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

volley_record& add(Outgoing& out, std::string_view id, std::string_view body) {
    volley_record& record = out.add(body);
    record.id = out.keep(id);
    return record;
}

// Lives as long as the record.
std::vector<volley_header> lent(Outgoing& out, const Headers& headers) {
    std::vector<volley_header> list;
    for (const auto& [name, value] : headers) list.push_back({out.keep(name), out.keep(value)});
    return list;
}

void send_with_headers(plugins::Producer& producer, const Headers& headers) {
    Outgoing out;
    volley_record& record = add(out, "id", "body");
    const auto list = lent(out, headers);
    record.headers = list.data();
    record.header_count = static_cast<std::uint32_t>(list.size());
    REQUIRE(send(producer, out) == 1);
}

}  // namespace

TEST_CASE("a record with the id and the content of one that waits is dropped, reported as done and counted",
          "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    const Counts before;
    Outgoing out;
    add(out, "42", "the same");
    add(out, "42", "the same");
    REQUIRE(send(producer, out) == 2);
    REQUIRE(rig.reports.all.size() == 2);
    CHECK(rig.reports.all[1].status == VOLLEY_OK);
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "1");
    CHECK(before.more_repeats() == 1);
    CHECK(before.more_conflicts() == 0);
}

TEST_CASE("a record with the id of one that waits and another content is kept, and its repeat is dropped",
          "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    const Counts before;
    for (int round = 0; round < 2; ++round) {
        Outgoing out;
        add(out, "42", "one");
        add(out, "42", "two");
        add(out, "42", "").body = volley_view{};
        add(out, "42", "");
        add(out, "42", "one").key = out.keep("k");
        add(out, "42", "one").key = out.keep("");
        REQUIRE(send(producer, out) == 6);
    }
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "6");
    CHECK(rig.sql("SELECT count(DISTINCT message_id) FROM volley_messages") == "6");
    CHECK(before.more_conflicts() == 5);
    CHECK(before.more_repeats() == 6);
}

TEST_CASE("an id with more contents than are told apart loses none of them", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    Outgoing out;
    for (int i = 0; i < 150; ++i) add(out, "42", std::to_string(i));
    REQUIRE(send(producer, out) == 150);
    CHECK(rig.sql("SELECT count(DISTINCT body) FROM volley_messages") == "150");
}

TEST_CASE("headers are content, but not what the engine says of the try", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    const std::string bytes("\xff\0", 2);
    send_with_headers(producer, {{"a", "1"}, {"volley-failed-at", "1"}, {"b", bytes}});
    send_with_headers(producer,
                      {{"volley-attempts", "9"}, {"a", "1"}, {"b", bytes}, {"volley-failed-at", "2"}});
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "1");
    send_with_headers(producer, {{"a", "1"}});
    send_with_headers(producer, {{"b", bytes}, {"a", "1"}});
    send_with_headers(producer, {{"a", "1"}, {"b", bytes}, {"b", bytes}});
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "4");
}

TEST_CASE("the same id in another queue of the file is no repeat", "[sqlite]") {
    SqliteRig rig;
    auto one = rig.producer("one"), two = rig.producer("two");
    for (auto* producer : {&one, &two}) {
        Outgoing out;
        add(out, "42", "body");
        REQUIRE(send(*producer, out) == 1);
    }
    CHECK(rig.sql("SELECT count(*) FROM volley_messages") == "2");
}

TEST_CASE("a database has one identity, and another one or a copy of it has another", "[sqlite]") {
    SqliteRig rig;
    const auto identity = [&](const std::string& file) {
        auto consumer = rig.consumer("q", R"({"path": ")" + file + R"("})");
        const auto* named = static_cast<const volley_ext_identity*>(consumer.extension(VOLLEY_EXT_IDENTITY));
        REQUIRE(named != nullptr);
        volley_view text{};
        REQUIRE(named->identity(consumer.get(), &text, nullptr) == VOLLEY_OK);
        return std::string(text_of(text));
    };
    const std::string first = identity("one.db");
    CHECK(first.size() > 32);
    CHECK(identity("one.db") == first);
    CHECK(identity("two.db") != first);
    std::filesystem::copy_file(rig.path / "one.db", rig.path / "copy.db");
    CHECK(identity("copy.db") != first);
    std::filesystem::rename(rig.path / "one.db", rig.path / "moved.db");
    CHECK(identity("moved.db") == first);
    CHECK(identity("one.db") != first);
}

TEST_CASE("a row that a constraint or a trigger of another program refuses is refused alone", "[sqlite]") {
    SqliteRig rig;
    auto producer = rig.producer("q");
    rig.sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON volley_messages WHEN new.body = 'refused' BEGIN "
        "SELECT raise(ABORT, 'not this one'); END");
    rig.sql(
        "CREATE TRIGGER ignore BEFORE INSERT ON volley_messages WHEN new.body = 'ignored' BEGIN "
        "SELECT raise(IGNORE); END");
    Outgoing out;
    add(out, "1", "kept");
    add(out, "2", "refused");
    add(out, "3", "ignored");
    out.add("ignored");
    add(out, "4", "kept too");
    REQUIRE(send(producer, out) == 5);
    std::vector<std::int32_t> statuses;
    for (const volley_report& report : rig.reports.all) statuses.push_back(report.status);
    CHECK(statuses ==
          Results{VOLLEY_OK, VOLLEY_E_PERMANENT, VOLLEY_E_PERMANENT, VOLLEY_E_PERMANENT, VOLLEY_OK});
    CHECK(rig.sql("SELECT group_concat(body) FROM volley_messages") == "kept,kept too");
}
