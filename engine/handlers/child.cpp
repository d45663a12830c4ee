#include "handlers/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
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

#include "log/log.hpp"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace volley::handlers {

namespace {

constexpr std::size_t tail_bytes = 4096;
constexpr std::size_t longest_line = 1024;

struct Pipe {
    int read = -1;
    int write = -1;
    bool open() {
        std::array<int, 2> ends{};
        if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
        read = ends[0];
        write = ends[1];
        return true;
    }
    void close_both() {
        if (read >= 0) ::close(read);
        if (write >= 0) ::close(write);
        read = write = -1;
    }
};

// Ours without secrets, and by VOLLEY_COMPONENT the child knows that it talks to us.
std::vector<std::string> environment_for(const std::string& component) {
    std::vector<std::string> kept{"VOLLEY_COMPONENT=" + component};
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string variable = *entry;
        const std::string name = variable.substr(0, variable.find('='));
        if (!is_secret_variable(name) && name != "VOLLEY_COMPONENT") kept.push_back(variable);
    }
    return kept;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (std::string& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

// What the new process does before it becomes the program. Only async-signal-safe calls: other threads of
// ours may have held any lock when it was forked. Never returns.
[[noreturn]] void become(const Pipe& in, const Pipe& out, const Pipe& err, const Pipe& failure, pid_t parent,
                         const char* directory, char* const* argv, char* const* envp) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getppid() != parent) _exit(127);  // it died before the line above
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

std::string describe(int status) {
    if (WIFSIGNALED(status)) {
        const char* name = sigabbrev_np(WTERMSIG(status));
        return "killed by SIG" + std::string(name != nullptr ? name : std::to_string(WTERMSIG(status)));
    }
    return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

bool is_secret_variable(const std::string& name) {
    std::string upper(name);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    for (const char* word : {"SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "KEY", "CREDENTIAL"}) {
        if (upper.find(word) != std::string::npos) return true;
    }
    return upper.size() > 5 && upper.compare(upper.size() - 5, 5, "_PASS") == 0;
}

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
        return Error(ErrorCode::retry, "no pipes for a child process: " + why);
    }
    // The descriptors 0 to 3 are overwritten by dup2 in the child; ours are above, because 0 to 2 are open.
    std::vector<std::string> words = options.exec;
    std::vector<std::string> variables = environment_for(options.component);
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
    setpgid(pid, pid);  // whoever is first: the group exists before we may have to kill it
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
    if (failed) {
        child->reap(false);
        child->close_pipes();
        return Error(ErrorCode::config, "the handler program \"" + options.exec.front() +
                                            "\" cannot be started: " + std::strerror(error) +
                                            " (working directory " + options.directory + ")");
    }
    for (const int fd : {child->input_, child->output_}) fcntl(fd, F_SETFL, O_NONBLOCK);
    child->stderr_thread_ = std::thread([raw = child.get()] { raw->read_stderr(); });
    return child;
}

Child::~Child() {
    if (pid_ > 0) kill();
    close_pipes();
}

void Child::close_pipes() {
    for (int* fd : {&input_, &output_}) {
        if (*fd >= 0) ::close(*fd);
        *fd = -1;
    }
    if (stderr_thread_.joinable()) stderr_thread_.join();
    if (stderr_ >= 0) ::close(stderr_);
    stderr_ = -1;
}

std::string Child::reap(bool killed) {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    ended_ = describe(status);
    // Whatever it started itself goes with it, or would hold our pipes open.
    if (!killed) ::kill(-pid_, SIGKILL);
    pid_ = -1;
    return ended_;
}

std::string Child::kill() {
    if (pid_ <= 0) return ended_;
    ::kill(-pid_, SIGKILL);
    return reap(true);
}

std::string Child::end(std::uint32_t timeout_ms) {
    if (pid_ <= 0) return ended_;
    if (input_ >= 0) ::close(input_);
    input_ = -1;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    // Its output closes when it ends: that is what there is to wait for.
    while (std::chrono::steady_clock::now() < deadline) {
        pollfd fd{output_, POLLIN, 0};
        if (poll(&fd, 1, 50) <= 0) continue;
        char discarded[4096];
        const ssize_t n = read(output_, discarded, sizeof discarded);
        if (n == 0) break;
    }
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
        ended_ = describe(status);
        ::kill(-pid_, SIGKILL);
        pid_ = -1;
        return ended_;
    }
    return kill();
}

std::string Child::stderr_tail() const {
    const std::lock_guard lock(mutex_);
    return tail_;
}

void Child::read_stderr() {
    std::string line;
    const auto emit = [&] {
        if (!line.empty()) log::info(line, {{"component", component_}, {"from", "handler"}});
        line.clear();
    };
    char buffer[4096];
    for (;;) {
        const ssize_t n = read(stderr_, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        {
            const std::lock_guard lock(mutex_);
            tail_.append(buffer, static_cast<std::size_t>(n));
            if (tail_.size() > tail_bytes) tail_.erase(0, tail_.size() - tail_bytes);
        }
        for (ssize_t i = 0; i < n; ++i) {
            if (buffer[i] == '\n')
                emit();
            else if (line.size() < longest_line)
                line += buffer[i];
        }
    }
    emit();
}

}  // namespace volley::handlers
