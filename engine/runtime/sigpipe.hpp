// Blocks SIGPIPE in the engine's threads. A write to a pipe or a socket without a reader then returns an
// error, instead of ending the surrounding program, which may not handle SIGPIPE.
#pragma once

#include <pthread.h>

#include <csignal>

namespace volley::runtime {

inline sigset_t sigpipe_set() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

// Blocks SIGPIPE in the calling thread and in the threads that it starts.
inline void block_sigpipe() {
    const sigset_t set = sigpipe_set();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// Blocks SIGPIPE in a thread of another owner while it runs the engine's code.
class SigpipeBlocked {
public:
    SigpipeBlocked() {
        const sigset_t set = sigpipe_set();
        pthread_sigmask(SIG_BLOCK, &set, &before_);
    }
    ~SigpipeBlocked() {
        const sigset_t set = sigpipe_set();
        const timespec now{};
        // A signal that arrived meanwhile was caused by the engine's code.
        if (sigismember(&before_, SIGPIPE) == 0) {
            while (sigtimedwait(&set, nullptr, &now) == SIGPIPE) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    SigpipeBlocked(const SigpipeBlocked&) = delete;
    SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace volley::runtime
