#include "init.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>

namespace volley {

namespace {

// Those that report a fault of process 1 itself are not for the other.
sigset_t all_but_faults() {
    sigset_t set;
    sigfillset(&set);
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
        sigdelset(&set, number);
    return set;
}

// Returns once `engine` has ended, with its exit code as a shell has it.
int reap_until_end_of(pid_t engine) {
    int code = -1;
    int status = 0;
    for (;;) {
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0 || (pid < 0 && errno != EINTR)) return code;
        if (pid == engine) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

}  // namespace

void leave_process_1() {
    if (getpid() != 1) return;
    sigset_t before;
    const sigset_t set = all_but_faults();
    sigprocmask(SIG_BLOCK, &set, &before);
    const pid_t engine = fork();
    if (engine < 0) {  // without processes to spare there are no children to reap either
        sigprocmask(SIG_SETMASK, &before, nullptr);
        return;
    }
    if (engine == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigprocmask(SIG_SETMASK, &before, nullptr);
        return;
    }
    for (;;) {
        siginfo_t info{};
        const int number = sigwaitinfo(&set, &info);
        if (number == SIGCHLD) {
            if (const int code = reap_until_end_of(engine); code >= 0) std::_Exit(code);
        } else if (number > 0 && info.si_code != SI_KERNEL) {
            // The kernel's, from a terminal, the whole group of processes has got already.
            kill(engine, number);
        }
    }
}

}  // namespace volley
