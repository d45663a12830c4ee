// What is wrong with the configuration, the server or its rights: the status, and a text without a password.
#include "server.hpp"

using namespace volley;
using namespace volley::test;

namespace {

Error open_error(Rig& rig, const std::string& config, const std::string& queue = "q") {
    auto made = rig.create_producer(queue, config);
    if (!made) return made.error();
    auto opened = made->open();
    if (opened) FAIL("it opened");
    return opened.error();
}

std::string with_dsn(const std::string& dsn, const std::string& more = "") {
    return R"({"dsn": ")" + dsn + "\"" + more + "}";
}

}  // namespace

TEST_CASE("a dsn that is none is refused without a word of it", "[postgresql]") {
    Rig rig("postgresql.so");
    for (const char* dsn :
         {"hunter2", "password=my hunter2", "postgresql://u:hunter2%zz@h/d", "host=h password='hunter2"}) {
        const Error error = open_error(rig, with_dsn(dsn));
        CHECK(error.code == ErrorCode::config);
        CHECK(error.field == "/dsn");
        CHECK(error.text.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("names that cannot be tables are refused", "[postgresql]") {
    Rig rig("postgresql.so");
    CHECK(open_error(rig, "{}", std::string(64, 'x')).code == ErrorCode::config);
    CHECK(open_error(rig, "{}", "volley_schema").code == ErrorCode::config);
    CHECK(open_error(rig, R"({"schema": ""})").field == "/schema");
}

TEST_CASE("each refusal of the server has its status, and says what to do", "[postgresql]") {
    PostgresRig rig;
    const std::string at = "host=127.0.0.1 port=" + std::to_string(rig.server.port());
    const Error no_database = open_error(rig, with_dsn(at + " user=volley dbname=nowhere"));
    CHECK(no_database.code == ErrorCode::config);
    CHECK(no_database.text.find("3D000") != std::string::npos);
    CHECK(no_database.text.find("create it") != std::string::npos);
    const Error no_role = open_error(rig, with_dsn(at + " user=nobody dbname=postgres"));
    CHECK(no_role.code == ErrorCode::unauthorized);
    const Error no_server = open_error(
        rig, with_dsn("host=127.0.0.1 port=" + std::to_string(free_server_port()) + " password=hunter2"));
    CHECK(no_server.code == ErrorCode::retry);
    CHECK(no_server.text.find("hunter2") == std::string::npos);

    rig.sql("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN");
    const std::string poor = R"(, "schema": "p")";
    const Error no_right = open_error(rig, with_dsn(at + " user=poor dbname=postgres", poor));
    CHECK(no_right.code == ErrorCode::config);
    CHECK(no_right.text.find("grant") != std::string::npos);
    const Error missing = open_error(rig, rig.config(R"(, "create": false)"));
    CHECK(missing.code == ErrorCode::config);
    CHECK(missing.field == "/create");

    rig.sql(
        "ALTER ROLE poor SET default_transaction_read_only = on; GRANT CREATE ON DATABASE postgres TO poor");
    CHECK(open_error(rig, with_dsn(at + " user=poor dbname=postgres", poor)).code == ErrorCode::retry);
    rig.sql("REVOKE CREATE ON DATABASE postgres FROM poor; DROP ROLE poor");
}

TEST_CASE("a role that may not make anything works with what is there", "[postgresql]") {
    PostgresRig rig;
    { auto maker = rig.producer(); }
    rig.sql("DROP ROLE IF EXISTS worker; CREATE ROLE worker LOGIN; GRANT USAGE ON SCHEMA " + rig.schema +
            " TO worker; GRANT SELECT ON volley_schema TO worker; GRANT SELECT, INSERT, UPDATE, DELETE ON q "
            "TO worker");
    const std::string config =
        with_dsn("host=127.0.0.1 port=" + std::to_string(rig.server.port()) + " user=worker dbname=postgres",
                 R"(, "create": false, "schema": ")" + rig.schema + "\"");
    auto producer = rig.Rig::producer("q", config);
    auto consumer = rig.Rig::consumer("q", config);
    send(producer, {"a"});
    const auto got = take_all(consumer, 1);
    CHECK(settle(consumer, got, VOLLEY_ACK) == Results{VOLLEY_OK});
    rig.sql("DROP OWNED BY worker; DROP ROLE worker");
}
