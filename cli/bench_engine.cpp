#include "bench_engine.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "interrupt.hpp"
#include "json_fields.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"
#include "text/escape.hpp"
#include "text/json_text.hpp"

namespace volley::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_period{50};

// Beside this program, or in the PATH.
std::string path_of_volleyd() {
    std::error_code unknown;
    const auto beside = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path() / "volleyd";
    return !unknown && std::filesystem::exists(beside, unknown) ? beside.string() : "volleyd";
}

// Runs in the new process. Ctrl-C of the terminal is for us: the engine has a process group of its own.
[[noreturn]] void become_volleyd(char* const* words, int log, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    const int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execvp(words[0], words);
    const char* const why = std::strerror(errno);
    const char* const said[] = {"cannot start ", words[0], ": ", why, "\n"};
    for (const char* part : said) {
        const auto ignored = write(STDERR_FILENO, part, std::strlen(part));
        static_cast<void>(ignored);
    }
    _exit(127);
}

std::uint64_t count_of(const rapidjson::Value* object, const char* name) {
    return static_cast<std::uint64_t>(number_of(object, name));
}

}  // namespace

Result<std::unique_ptr<OwnEngine>> OwnEngine::start(const std::string& config_file,
                                                    const std::vector<std::string>& plugin_dirs) {
    std::error_code unknown;
    std::string path = (std::filesystem::temp_directory_path(unknown) / "volley-bench-XXXXXX").string();
    const int log = mkostemp(path.data(), O_CLOEXEC);
    if (log < 0) return Error(ErrorCode::retry, "cannot create " + path + ": " + std::strerror(errno));
    std::vector<std::string> words{path_of_volleyd(), "--config", config_file};
    for (const std::string& folder : plugin_dirs) words.insert(words.end(), {"--plugin-dir", folder});
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    // Applies if the configuration does not say where to listen: a port that nobody has.
    setenv("VOLLEY_LISTEN", "127.0.0.1:0", 0);
    std::unique_ptr<OwnEngine> engine(new OwnEngine());
    engine->log_ = path;
    const pid_t parent = getpid();
    engine->pid_ = fork();
    if (engine->pid_ == 0) become_volleyd(pointers.data(), log, parent);
    ::close(log);
    if (engine->pid_ < 0)
        return Error(ErrorCode::retry, std::string("cannot start volleyd: ") + std::strerror(errno));
    setpgid(engine->pid_, engine->pid_);
    return engine;
}

OwnEngine::~OwnEngine() {
    if (pid_ > 0) stop();
    ::unlink(log_.c_str());
}

std::optional<std::string> OwnEngine::address() const {
    std::ifstream log(log_);
    for (std::string line; std::getline(log, line);) {
        for (const std::string_view name : {"listen=", "\"listen\":\""}) {
            const std::size_t at = line.find(name);
            if (at == std::string::npos || line.find("operations") == std::string::npos) continue;
            const std::size_t begin = at + name.size();
            return line.substr(begin, line.find_first_of("\" ", begin) - begin);
        }
    }
    return std::nullopt;
}

std::optional<int> OwnEngine::ended() {
    int status = 0;
    if (code_ || pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return code_;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return code_;
}

int OwnEngine::stop() {
    if (!ended()) {
        ::kill(pid_, SIGTERM);
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    pid_ = -1;
    return *code_;
}

std::string OwnEngine::log_tail(std::size_t lines) const {
    std::ifstream log(log_);
    std::vector<std::string> all;
    for (std::string line; std::getline(log, line);) {
        all.push_back(line);
        if (all.size() > lines) all.erase(all.begin());
    }
    std::string text;
    for (const std::string& line : all) text += (text.empty() ? "" : "\n") + line;
    return text;
}

std::optional<BenchEngine> BenchEngine::reach(const Config& config, const std::string& config_file,
                                              const std::string& address,
                                              const std::vector<std::string>& plugin_dirs, int& code) {
    code = exit_config;
    if (!config.operations.enabled && address.empty()) {
        say(config_file + " says `operations: off`, so that the engine cannot be measured");
        return std::nullopt;
    }
    // Of port 0 nobody knows the number: such an engine is found by --address only.
    if (!address.empty() || config.operations.port != 0) {
        auto where = engine_address(config_file, address);
        if (!where) {
            say(where.error().text);
            return std::nullopt;
        }
        BenchEngine running{EngineSession(EngineClient(std::move(*where)))};
        if (!address.empty() || running.session_.client().get("/healthz")) {
            code = running.session_.look_who_answers();
            if (code != exit_ok) return std::nullopt;
            return running;
        }
    }
    code = exit_unavailable;
    auto own = OwnEngine::start(config_file, plugin_dirs);
    if (!own) {
        say(own.error().text);
        return std::nullopt;
    }
    std::fprintf(stderr, "no engine runs: one is started for the time of the run\n");
    std::optional<BenchEngine> started;
    const auto end = Clock::now() + config.startup_timeout;
    std::string why = "its log does not say where it listens; set log.level to info, or operations.listen";
    while (Clock::now() < end) {
        if (wait_until(Clock::now() + look_period)) {
            code = exit_interrupted;
            return std::nullopt;
        }
        if (const auto ended = (*own)->ended()) {
            say((*own)->log_tail(20));
            say("the engine ended with " + std::to_string(*ended));
            code = *ended != 0 ? *ended : exit_unavailable;
            return std::nullopt;
        }
        const auto listens = (*own)->address();
        if (!started && listens) {
            auto where = engine_address(config_file, *listens);
            if (where) started = BenchEngine(EngineSession(EngineClient(std::move(*where))));
        }
        if (!started) continue;
        const auto status = started->ask("/api/v1/status");
        why = status ? "" : status.error().text;
        if (status && is_true(&*status, "ready")) {
            started->own_ = std::move(*own);
            code = exit_ok;
            return started;
        }
        if (!status) continue;
        for (const rapidjson::Value* component : list_of(&*status, "components")) {
            const std::string one = string_of(component, "why");
            if (!one.empty()) why += (why.empty() ? "" : "; ") + string_of(component, "name") + ": " + one;
        }
    }
    say("the engine is not ready: " + why);
    return std::nullopt;
}

Result<rapidjson::Document> BenchEngine::ask(const std::string& path) const {
    const auto answer = session_.client().get(path);
    if (const auto [wrong, text] = session_.wrong_with(answer); wrong != exit_ok)
        return Error(wrong == exit_usage ? ErrorCode::config : ErrorCode::retry, text);
    return session_.object(answer);
}

Result<BenchFigures> BenchEngine::figures(const std::string& component) const {
    const auto answer = ask("/api/v1/components/" + text::url_escaped(component));
    if (!answer) return answer.error();
    const rapidjson::Value* counters = text::member_of(&*answer, "counters");
    BenchFigures f;
    f.received = count_of(counters, "received");
    f.ok = count_of(counters, "done");
    f.dead = count_of(counters, "dead");
    f.dropped = count_of(counters, "dropped");
    f.retries = count_of(counters, "retries");
    f.in_flight = count_of(&*answer, "in_flight");
    f.last_success_at = number_of(&*answer, "last_success_at");
    f.why = string_of(&*answer, "why");
    return f;
}

Result<BenchUse> BenchEngine::use() const {
    const auto answer = ask("/api/v1/status");
    if (!answer) return answer.error();
    const rapidjson::Value* process = text::member_of(&*answer, "process");
    return BenchUse{number_of(process, "cpu_seconds"), count_of(process, "resident_bytes")};
}

Result<Latencies> BenchEngine::latencies(const std::string& component) const {
    const auto answer = ask("/api/v1/latencies");
    if (!answer) return answer.error();
    return Latencies::of(*answer, component);
}

std::optional<std::string> BenchEngine::stop() {
    if (!own_) return std::nullopt;
    const int code = own_->stop();
    std::optional<std::string> wrong;
    if (code != 0) wrong = "the engine ended with " + std::to_string(code) + ":\n" + own_->log_tail(20);
    own_.reset();
    return wrong;
}

}  // namespace volley::cli
