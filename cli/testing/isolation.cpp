#include "testing/isolation.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <optional>
#include <thread>

#include "log/output.hpp"
#include "testing/differences.hpp"
#include "testing/run.hpp"
#include "testing/side_by_side.hpp"
#include "testing/test_file.hpp"

namespace volley::cli::testing {

namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t most_log = 16 * 1024;  // the end of it is shown
constexpr off_t most_log_kept = 16 * 1024 * 1024;

// What one process writes and the other reads, however the first one ends.
class MemoryFile {
public:
    explicit MemoryFile(const char* name) : fd_(memfd_create(name, MFD_CLOEXEC)) {
        fcntl(fd_, F_SETFL, O_APPEND);
    }
    ~MemoryFile() {
        if (fd_ >= 0) ::close(fd_);
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    int descriptor() const { return fd_; }
    void write(std::string_view text) const {
        while (!text.empty()) {
            const ssize_t n = ::write(fd_, text.data(), text.size());
            if (n <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    // What has become long is forgotten: a handler may print without end.
    void limit(off_t most) const {
        if (lseek(fd_, 0, SEEK_END) > most && ftruncate(fd_, 0) != 0) return;  // then it stays
    }
    // Its last bytes, at most `most` of them.
    std::string read(std::size_t most) const {
        const off_t size = lseek(fd_, 0, SEEK_END);
        if (size <= 0) return {};
        std::string out(std::min(most, static_cast<std::size_t>(size)), '\0');
        const ssize_t n = pread(fd_, out.data(), out.size(), size - static_cast<off_t>(out.size()));
        out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        return out;
    }

private:
    int fd_;
};

// Memory that a process shares with its child.
class SharedProgress {
public:
    SharedProgress() {
        void* const memory =
            mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory != MAP_FAILED) progress_ = new (memory) Progress();
    }
    ~SharedProgress() {
        if (progress_ != nullptr) munmap(progress_, sizeof(Progress));
    }
    SharedProgress(const SharedProgress&) = delete;
    SharedProgress& operator=(const SharedProgress&) = delete;
    Progress* get() const { return progress_; }

private:
    Progress* progress_ = nullptr;
};

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::error_code ignored;
        std::string path = (std::filesystem::temp_directory_path(ignored) / "volley-test.XXXXXX").string();
        if (mkdtemp(path.data()) != nullptr) path_ = path;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

// In the child. Returns whether the test has passed, with the report.
bool run_here(const TestCase& test, const Config& config, const RunOptions& options, bool colours,
              Progress& progress, std::string& report) {
    Clock clock;
    Scenario scenario{test, clock, progress};
    if (const auto ran = run_component(config, options, scenario); !ran) {
        report = "  the component cannot run: " + ran.error().text + "\n";
        return false;
    }
    const std::string& dead_letters = component_of(test, config)->dead_letter_queue;
    const auto differences = compare(test, dead_letters, scenario.events);
    for (const Difference& difference : differences) report += render(difference, colours);
    return differences.empty();
}

[[noreturn]] void be_child(const TestCase& test, const Config& config, const RunOptions& options,
                           bool colours, Progress& progress, const MemoryFile& report, const MemoryFile& log,
                           pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) std::_Exit(EXIT_FAILURE);
    std::signal(SIGPIPE, SIG_IGN);
    dup2(log.descriptor(), STDOUT_FILENO);
    dup2(log.descriptor(), STDERR_FILENO);
    std::string text;
    const bool has_passed = run_here(test, config, options, colours, progress, text);
    report.write(text);
    log::flush();
    std::_Exit(has_passed ? EXIT_SUCCESS : EXIT_FAILURE);
}

// The status as waitpid has it; nothing: the limit is over.
std::optional<int> wait_for(pid_t pid, std::chrono::milliseconds limit, const MemoryFile& log) {
    constexpr std::chrono::milliseconds look{2};
    const auto until = Steady::now() + limit;
    int status = 0;
    for (;;) {
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) return status;
        if (ended < 0 && errno != EINTR) return EXIT_FAILURE << 8U;
        if (Steady::now() >= until) return std::nullopt;
        log.limit(most_log_kept);
        std::this_thread::sleep_for(look);
    }
}

std::string message_in_hand(const Progress& progress) {
    const MessageNumber message = progress.message.load();
    if (message == 0) return "no message is in the handler";
    return "message " + std::to_string(message) + " is in the handler, attempt " +
           std::to_string(progress.attempt.load());
}

std::string why_ended(int status) {
    if (WIFSIGNALED(status)) {
        const char* const name = sigabbrev_np(WTERMSIG(status));
        return std::string("by SIG") + (name != nullptr ? name : "?");
    }
    return "with exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Outcome run_isolated(const TestCase& test, const Config& config, const IsolationOptions& options) {
    const auto begin = Steady::now();
    Outcome out;
    const MemoryFile report("volley-test-report");
    const MemoryFile log("volley-test-log");
    const SharedProgress progress;
    const TemporaryFolder folder;
    const pid_t parent = getpid();
    const bool has_room = report.descriptor() >= 0 && log.descriptor() >= 0 && progress.get() != nullptr &&
                          !folder.path().empty();
    const pid_t pid = has_room ? fork() : -1;
    if (pid < 0) {
        out.report = std::string("  no process for the test: ") + std::strerror(errno) + "\n";
        return out;
    }
    if (pid == 0)
        be_child(test, config, {options.plugin_dirs, folder.path()}, options.colours, *progress.get(), report,
                 log, parent);
    const auto status = wait_for(pid, options.time_limit, log);
    if (!status) {
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        out.report = "  it does not end within " + std::to_string(options.time_limit.count() / 1000) +
                     " s of real time: " + message_in_hand(*progress.get()) + "\n";
    } else {
        out.has_passed = *status == 0;
        out.report = report.read(std::size_t{1} << 24U);
        if (!out.has_passed && out.report.empty())
            out.report = "  the process of the test ended " + why_ended(*status) + ": " +
                         message_in_hand(*progress.get()) + "\n";
    }
    out.log = log.read(most_log);
    out.seconds = std::chrono::duration<double>(Steady::now() - begin).count();
    return out;
}

}  // namespace volley::cli::testing
