#include "handlers/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <system_error>

#include "handlers/diagnosis.hpp"
#include "log/log.hpp"

extern char** environ;  // NOLINT: no header of POSIX declares it

namespace volley::handlers {

namespace {

constexpr std::size_t tail_bytes = 4096;
constexpr std::size_t longest_line = 1024;
// Another part of this process has waited for it, or SIGCHLD is ignored.
constexpr const char* unknown_end = "its exit status is unknown";
constexpr int first_free_descriptor = 4;  // 0 to 3 are for the child

// Process groups of children that were not waited for. Their numbers are therefore not reused.
struct Groups {
    std::mutex mutex;
    std::set<pid_t> pids;
};
Groups& groups() {
    static auto* const all = new Groups();  // children may outlive static objects
    return *all;
}

// If the standard descriptors are closed, a pipe gets their numbers, and dup2 would overwrite it.
int out_of_the_way(int fd) {
    if (fd >= first_free_descriptor) return fd;
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, first_free_descriptor);
    ::close(fd);
    return moved;
}

struct Pipe {
    int read = -1;
    int write = -1;
    bool open() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
        read = out_of_the_way(ends[0]);
        write = out_of_the_way(ends[1]);
        return read >= 0 && write >= 0;
    }
    void close_both() {
        if (read >= 0) ::close(read);
        if (write >= 0) ::close(write);
        read = write = -1;
    }
};

// This process's environment, and what Volley tells a child. Python writes its output at once, and in UTF-8,
// because a line in a buffer is an answer that does not come.
std::vector<std::string> environment_for(const ChildOptions& options) {
    std::map<std::string, std::string> all{{"PYTHONUNBUFFERED", "1"}, {"PYTHONUTF8", "1"}};
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view variable = *entry;
        const std::size_t equals = variable.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string name(variable.substr(0, equals));
        if (!options.clear_env || name == "PATH") all[name] = variable.substr(equals + 1);
    }
    for (const auto& [name, value] : options.env) all[name] = value;
    all["VOLLEY_COMPONENT"] = options.component;
    all.erase("VOLLEY_CONCURRENCY");
    if (options.concurrency > 0) all["VOLLEY_CONCURRENCY"] = std::to_string(options.concurrency);
    std::vector<std::string> out;
    for (const auto& [name, value] : all) out.push_back(name + "=" + value);
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (std::string& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

// Runs in the new process before exec. Only async-signal-safe calls: at the fork, other threads may have held
// locks. Never returns.
[[noreturn]] void become(const Pipe& in, const Pipe& out, const Pipe& err, const Pipe& failure, pid_t parent,
                         const char* directory, char* const* argv, char* const* envp) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getppid() != parent) _exit(127);  // the parent died before prctl
    dup2(in.read, 0);
    dup2(out.write, 1);
    dup2(err.write, 2);
    dup2(failure.write, 3);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, 4U, ~0U, 0U);
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (chdir(directory) == 0) execvpe(argv[0], argv, envp);
    const int error = errno;
    const auto ignored = write(3, &error, sizeof error);
    static_cast<void>(ignored);
    _exit(127);
}

ChildEnd describe(bool exited, int number) {
    if (exited) return {"exit status " + std::to_string(number), number == 0};
    const char* name = sigabbrev_np(number);
    return {"killed by SIG" + std::string(name != nullptr ? name : std::to_string(number)), false};
}

// Returns how the process ended, if it has, without waiting for it.
std::optional<ChildEnd> ending_of(pid_t pid) {
    siginfo_t info{};
    const int asked = waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    if (asked != 0 && errno == ECHILD) return ChildEnd{unknown_end, false};
    if (asked != 0 || info.si_pid == 0) return std::nullopt;
    return describe(info.si_code == CLD_EXITED, info.si_status);
}

// Waits until the descriptor is readable or at its end, or the time is over.
bool is_readable(int fd, int timeout_ms) {
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, timeout_ms) > 0;
}

}  // namespace

Result<std::unique_ptr<Child>> Child::start(const ChildOptions& options) {
    Pipe in;
    Pipe out;
    Pipe err;
    Pipe failure;
    const auto close_all = [&] {
        for (Pipe* pipe : {&in, &out, &err, &failure}) pipe->close_both();
    };
    if (!in.open() || !out.open() || !err.open() || !failure.open()) {
        const std::string why = std::strerror(errno);
        close_all();
        return Error(ErrorCode::retry, "cannot create pipes for a child process: " + why);
    }
    std::vector<std::string> words = options.exec;
    std::vector<std::string> variables = environment_for(options);
    const std::vector<char*> argv = pointers(words);
    const std::vector<char*> envp = pointers(variables);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(in, out, err, failure, parent, options.directory.c_str(), argv.data(), envp.data());
    if (pid < 0) {
        const std::string why = std::strerror(errno);
        close_all();
        return Error(ErrorCode::retry, "no process for " + options.exec.front() + ": " + why);
    }
    setpgid(pid, pid);  // both processes do it, so that the group exists before it may be killed
    ::close(in.read);
    ::close(out.write);
    ::close(err.write);
    ::close(failure.write);
    int error = 0;
    const bool failed = read(failure.read, &error, sizeof error) == static_cast<ssize_t>(sizeof error);
    ::close(failure.read);
    std::unique_ptr<Child> child(new Child());
    child->pid_ = pid;
    child->input_ = in.write;
    child->output_ = out.read;
    child->stderr_ = err.read;
    child->component_ = options.component;
    child->on_end_ = options.on_end;
    {
        const std::lock_guard lock(groups().mutex);
        groups().pids.insert(pid);
    }
    if (failed) {
        child->kill();
        return Error(ErrorCode::config, "the handler program \"" + options.exec.front() +
                                            "\" cannot be started: " +
                                            start_failure(options.exec.front(), options.directory, error) +
                                            " (working directory " + options.directory + ")");
    }
    for (const int fd : {child->input_, child->output_, child->stderr_}) fcntl(fd, F_SETFL, O_NONBLOCK);
    child->pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0U));
    child->stop_event_ = eventfd(0, EFD_CLOEXEC);
    if (child->stop_event_ < 0) {
        return Error(ErrorCode::retry,
                     std::string("cannot create a descriptor for a child process: ") + std::strerror(errno));
    }
    try {
        child->watcher_ = std::thread([raw = child.get(), pid] { raw->watch(pid); });
    } catch (const std::system_error& e) {
        return Error(ErrorCode::retry, std::string("cannot start a thread for a child process: ") + e.what());
    }
    return child;
}

Child::~Child() {
    if (pid_ > 0) kill();
    close_pipes();
}

// A process that has left the child's group can hold the pipes open. Nothing here waits for their end.
void Child::close_pipes() {
    if (watcher_.joinable()) {
        const std::uint64_t one = 1;
        const auto ignored = write(stop_event_, &one, sizeof one);
        static_cast<void>(ignored);
        watcher_.join();
    }
    for (int* fd : {&input_, &output_, &stderr_, &pidfd_, &stop_event_}) {
        if (*fd >= 0) ::close(*fd);
        *fd = -1;
    }
}

bool Child::has_ended() const { return pid_ <= 0 || ending_of(pid_).has_value(); }

std::uint64_t Child::resident_bytes() const {
    std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
    if (!(statm >> all >> resident)) return 0;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::size_t Child::unread() const {
    int bytes = 0;
    return input_ >= 0 && ioctl(input_, FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool Child::wait_for_end(std::uint32_t timeout_ms) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!has_ended()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        // Discards further output, so that the child does not block on a full pipe.
        char discarded[4096];
        for (int reads = 0; reads < 64 && read(output_, discarded, sizeof discarded) > 0;) ++reads;
        constexpr std::int64_t longest = 50;
        is_readable(pidfd_, static_cast<int>(std::min(left.count(), longest)));
    }
    return true;
}

// Kills the group before the child is waited for, while the number cannot be reused.
ChildEnd Child::kill() {
    if (pid_ <= 0) return ended_;
    {
        const std::lock_guard lock(groups().mutex);
        ::kill(-pid_, SIGKILL);
        groups().pids.erase(pid_);
    }
    siginfo_t info{};
    int asked = 0;
    do asked = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED);
    while (asked != 0 && errno == EINTR);
    ended_ = asked == 0 ? describe(info.si_code == CLD_EXITED, info.si_status) : ChildEnd{unknown_end, false};
    pid_ = -1;
    close_pipes();
    return ended_;
}

void Child::close_input() {
    if (input_ >= 0) ::close(input_);
    input_ = -1;
}

void Child::terminate() const {
    if (pid_ > 0) ::kill(-pid_, SIGTERM);
}

ChildEnd Child::end(std::uint32_t timeout_ms) {
    if (pid_ <= 0) return ended_;
    close_input();
    if (!wait_for_end(timeout_ms / 2)) {
        terminate();
        wait_for_end(timeout_ms - timeout_ms / 2);
    }
    return kill();
}

std::string Child::stderr_tail() const {
    const std::lock_guard lock(mutex_);
    return tail_;
}

// Ends on request, even if another process holds the pipe.
void Child::watch(pid_t pid) {
    std::string line;
    bool alive = true;
    bool open = true;
    for (bool stop = false; !stop;) {
        pollfd fds[3] = {
            {open ? stderr_ : -1, POLLIN, 0}, {alive ? pidfd_ : -1, POLLIN, 0}, {stop_event_, POLLIN, 0}};
        if (poll(fds, 3, -1) < 0) continue;
        stop = fds[2].revents != 0;
        if (fds[0].revents != 0 || stop) open = read_stderr(line);
        if (fds[1].revents == 0 || !alive) continue;
        alive = false;
        const auto end = ending_of(pid);
        if (on_end_ && end) on_end_(*end);
    }
    if (!line.empty()) log::info(line, {{"component", component_}, {"from", "handler"}});
}

// Reads what is available. Returns false at the end of the stream.
bool Child::read_stderr(std::string& line) {
    constexpr int most_reads = 64;  // the child may write without end
    char buffer[4096];
    for (int reads = 0; reads < most_reads; ++reads) {
        const ssize_t n = read(stderr_, buffer, sizeof buffer);
        if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
        {
            const std::lock_guard lock(mutex_);
            tail_.append(buffer, static_cast<std::size_t>(n));
            if (tail_.size() > tail_bytes) tail_.erase(0, tail_.size() - tail_bytes);
        }
        for (ssize_t i = 0; i < n; ++i) {
            if (buffer[i] != '\n') {
                if (line.size() < longest_line) line += buffer[i];
                continue;
            }
            if (!line.empty()) log::info(line, {{"component", component_}, {"from", "handler"}});
            line.clear();
        }
    }
    return true;
}

void kill_children() {
    const std::lock_guard lock(groups().mutex);
    for (const pid_t pid : groups().pids) ::kill(-pid, SIGKILL);
}

}  // namespace volley::handlers
