#include "plugin_check/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>

#include "text/escape.hpp"

namespace volley::cli::plugin_check {

namespace {

constexpr std::size_t note_size = 256;

// Of the child, as the check's code sees it.
struct ThisChild {
    int verdicts = -1;     // the pipe to the parent
    char* note = nullptr;  // shared with the parent
    std::mutex mutex;      // of the note and the doubt
    std::optional<Verdict> doubt;
};

ThisChild& this_child() {
    static ThisChild& child = *new ThisChild;  // threads of the plugin may outlive main
    return child;
}

char* shared_note() {
    void* memory = mmap(nullptr, note_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

void write_all(int fd, const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        done += static_cast<std::size_t>(n);
    }
}

std::string seconds(std::chrono::milliseconds time) {
    return time.count() % 1000 == 0 ? std::to_string(time.count() / 1000) + " s"
                                    : std::to_string(time.count()) + " ms";
}

Verdict fail(const std::string& what, const std::string& advice) {
    return {Status::fail, what + "; " + advice};
}

// Returns the bytes up to the end of the pipe, or nothing if the deadline comes first.
std::optional<std::string> read_verdict(int fd, std::chrono::milliseconds deadline) {
    const auto end = std::chrono::steady_clock::now() + deadline;
    std::string bytes;
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd readable{fd, POLLIN, 0};
        const int ready = poll(&readable, 1, static_cast<int>(std::max<long>(left.count(), 0)));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return std::nullopt;
        char room[4096];
        const ssize_t n = read(fd, room, sizeof room);
        if (n <= 0) return bytes;
        bytes.append(room, static_cast<std::size_t>(n));
        if (bytes.find('\0') != std::string::npos) return bytes;  // a process of the plugin may keep the pipe
    }
}

Verdict verdict_of_end(int status, const std::string& doing) {
    const std::string where = doing.empty() ? "while it was loaded" : "in " + doing;
    if (WIFSIGNALED(status))
        return fail(std::string("crashed ") + where + ": " + strsignal(WTERMSIG(status)),
                    "run it with AddressSanitizer or in a debugger with --only and this check");
    return fail("the process ended " + where + " with exit code " + std::to_string(WEXITSTATUS(status)),
                "a plugin must not end the process: return a status");
}

[[noreturn]] void run_child(const std::function<Verdict()>& check) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(STDERR_FILENO, STDOUT_FILENO);  // standard output is the report's, whatever the plugin prints
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const Verdict verdict = check();
    ThisChild& child = this_child();
    std::optional<Verdict> doubt;
    {
        const std::lock_guard lock(child.mutex);
        doubt = child.doubt;
    }
    conclude(verdict.status == Status::pass && doubt ? *doubt : verdict);
}

}  // namespace

Verdict in_child(std::chrono::milliseconds deadline, const std::function<Verdict()>& check) {
    ThisChild& child = this_child();
    if (child.note == nullptr) child.note = shared_note();
    int ends[2];
    if (child.note == nullptr || pipe2(ends, O_CLOEXEC) != 0)
        return fail("the check cannot start", std::strerror(errno));
    child.note[0] = '\0';
    const pid_t pid = fork();
    if (pid < 0) return fail("the check cannot start", std::strerror(errno));
    if (pid == 0) {
        close(ends[0]);
        child.verdicts = ends[1];
        run_child(check);
    }
    setpgid(pid, pid);
    close(ends[1]);
    const auto bytes = read_verdict(ends[0], deadline);
    close(ends[0]);
    if (!bytes || !bytes->empty()) kill(-pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    kill(-pid, SIGKILL);  // what the plugin may have started
    const std::string doing(child.note, strnlen(child.note, note_size));
    if (!bytes)
        return fail(
            "did not finish within " + seconds(deadline) + (doing.empty() ? "" : ", and is in " + doing),
            "no call may wait longer than its timeout; --timeout sets the deadline of a check");
    if (bytes->empty()) return verdict_of_end(status, doing);
    return {static_cast<Status>(bytes->front() - '0'), std::string(bytes->c_str() + 1)};
}

void note(const std::string& doing) {
    ThisChild& child = this_child();
    if (child.note == nullptr) return;
    const std::lock_guard lock(child.mutex);
    const std::size_t n = std::min(doing.size(), note_size - 1);
    std::memcpy(child.note, doing.data(), n);
    child.note[n] = '\0';
}

void conclude(const Verdict& verdict) {
    std::string bytes(1, static_cast<char>('0' + static_cast<int>(verdict.status)));
    constexpr std::size_t longest = 800;
    text::append_escaped(bytes, verdict.reason, longest, text::Quotes::plain);
    bytes += '\0';
    write_all(this_child().verdicts, bytes);
    _exit(0);
}

void broken(const std::string& what, const std::string& advice) { conclude(fail(what, advice)); }

void inapplicable(const std::string& why) { conclude(conformance::skipped(why)); }

void doubt(const std::string& what, const std::string& advice) {
    ThisChild& child = this_child();
    const std::lock_guard lock(child.mutex);
    if (!child.doubt) child.doubt = Verdict{Status::warn, what + "; " + advice};
}

}  // namespace volley::cli::plugin_check
