// A PostgreSQL server on a free loopback port, a schema of its own for each test, and plain SQL beside the
// plugin.
#pragma once

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "rig.hpp"

namespace volley::test {

using Bodies = std::vector<std::string>;
using Results = std::vector<std::int32_t>;

// Below the range of ephemeral ports, so that no client can get it as its own while the server is down.
inline int free_server_port() {
    std::random_device random;
    for (;;) {
        const int port = std::uniform_int_distribution<int>(20'000, 32'000)(random);
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const bool is_free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        if (is_free) return port;
    }
}

template <typename Condition>
void wait_for(const char* what, Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) FAIL("not within 30 s: " << what);
        ::usleep(5000);
    }
}

// PostgreSQL refuses to run as root: then it runs as the user that its package made.
class PostgresServer {
public:
    PostgresServer() {
        std::string pattern = (std::filesystem::temp_directory_path() / "volley_postgresql_XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
        folder_ = pattern;
        for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql"))
            binaries_ = std::max(binaries_, entry.path().string() + "/bin/");
        if (const passwd* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr) {
            uid_ = user->pw_uid, gid_ = user->pw_gid;
            if (::chown(folder_.c_str(), uid_, gid_) != 0) throw std::runtime_error("chown failed");
        }
        wait(spawn({"initdb", "-D", data(), "-A", "trust", "-U", "volley", "-N", "-E", "UTF8"}));
        start();
    }
    ~PostgresServer() {
        kill();
        std::error_code left_over;
        std::filesystem::remove_all(folder_, left_over);
    }
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    // Processes of a killed server may hold its memory for a moment.
    void start() {
        wait_for("PostgreSQL answers", [this] {
            if (pid_ == 0 || ::waitpid(pid_, nullptr, WNOHANG) == pid_)
                pid_ = spawn(
                    {"postgres", "-D", data(), "-p", std::to_string(port_), "-h", "127.0.0.1", "-k", data()});
            const std::unique_ptr<PGconn, decltype(&PQfinish)> c(PQconnectdb(dsn().c_str()), &PQfinish);
            return PQstatus(c.get()) == CONNECTION_OK;
        });
    }
    // Returns when its backends are also dead. They are in separate sessions, and would serve their clients
    // until they detect it.
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGSTOP);
        std::vector<pid_t> backends;
        std::ifstream children("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) +
                               "/children");
        for (pid_t backend = 0; children >> backend;) backends.push_back(backend);
        ::kill(pid_, SIGKILL);
        for (const pid_t backend : backends) ::kill(backend, SIGKILL);
        wait(pid_);
        for (const pid_t backend : backends) wait_for("a backend is dead", [&] { return is_dead(backend); });
        pid_ = 0;
    }
    std::string dsn() const {
        return "host=127.0.0.1 port=" + std::to_string(port_) + " user=volley dbname=postgres";
    }
    int port() const { return port_; }
    std::string data() const { return folder_ + "/data"; }

private:
    static bool is_dead(pid_t pid) {  // or a zombie that its new parent has not reaped yet
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string text;
        std::getline(stat, text);
        const std::size_t name_end = text.rfind(')');
        return name_end == std::string::npos || text.compare(name_end, 3, ") Z") == 0;
    }
    static void wait(pid_t pid) {
        int status = 0;
        ::waitpid(pid, &status, 0);
    }
    pid_t spawn(std::vector<std::string> words) const {
        words[0].insert(0, binaries_);
        const std::string log = folder_ + "/log";
        std::vector<char*> argv;
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        const pid_t pid = ::fork();
        if (pid != 0) return pid;
        ::setsid();
        const bool is_user = uid_ == 0 || (::setgid(gid_) == 0 && ::setuid(uid_) == 0);
        if (!is_user || ::chdir("/") != 0 || std::freopen(log.c_str(), "a", stdout) == nullptr ||
            ::dup2(1, 2) != 2)
            ::_exit(127);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }

    std::string folder_, binaries_;
    uid_t uid_ = 0;
    gid_t gid_ = 0;
    int port_ = free_server_port();
    pid_t pid_ = 0;
};

// The one of this process, for tests that do it no harm.
inline PostgresServer& shared_server() {
    static PostgresServer server;
    return server;
}

struct PostgresRig : Rig {
    explicit PostgresRig(PostgresServer& at = shared_server()) : Rig("postgresql.so"), server(at) {
        static int number = 0;
        schema = "s" + std::to_string(++number);
    }
    ~PostgresRig() { run_sql("DROP SCHEMA IF EXISTS " + schema + " CASCADE"); }
    PostgresRig(const PostgresRig&) = delete;
    PostgresRig& operator=(const PostgresRig&) = delete;

    // `more` begins with a comma.
    std::string config(const std::string& more = "") const {
        return R"({"dsn": ")" + server.dsn() + R"(", "schema": ")" + schema + "\"" + more + "}";
    }
    plugins::Consumer consumer(const std::string& queue = "q", const std::string& more = "") {
        return Rig::consumer(queue, config(more));
    }
    plugins::Producer producer(const std::string& queue = "q", const std::string& more = "") {
        return Rig::producer(queue, config(more));
    }
    // The first column of the last row as text; an error begins with "!". The schema is searched first.
    std::string run_sql(const std::string& text) const {
        const std::unique_ptr<PGconn, decltype(&PQfinish)> c(PQconnectdb(server.dsn().c_str()), &PQfinish);
        const std::unique_ptr<PGresult, decltype(&PQclear)> r(
            PQexec(c.get(),
                   ("SET client_min_messages = error; SET search_path = " + schema + "; " + text).c_str()),
            &PQclear);
        const auto status = PQresultStatus(r.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            return std::string("!") + PQerrorMessage(c.get());
        const int rows = PQntuples(r.get());
        if (rows == 0) return {};
        return PQgetisnull(r.get(), rows - 1, 0) != 0 ? "NULL" : PQgetvalue(r.get(), rows - 1, 0);
    }
    std::string sql(const std::string& text) const {
        const std::string got = run_sql(text);
        if (got.substr(0, 1) == "!") FAIL(got);
        return got;
    }
    void expire_leases() const {
        sql("UPDATE q SET visible_at = now() - interval '1 s' WHERE token IS NOT NULL");
    }

    PostgresServer& server;
    std::string schema;
};

}  // namespace volley::test
