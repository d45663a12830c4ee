// A thread of ours that writes to a pipe or a socket whose reader is gone gets an error, and not a signal
// that ends the program around the engine, which may not have said what it wants of SIGPIPE.
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

// For the calling thread and those that it starts.
inline void block_sigpipe() {
    const sigset_t set = sigpipe_set();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// For a thread that is not ours, while it runs our code.
class SigpipeBlocked {
public:
    SigpipeBlocked() {
        const sigset_t set = sigpipe_set();
        pthread_sigmask(SIG_BLOCK, &set, &before_);
    }
    ~SigpipeBlocked() {
        const sigset_t set = sigpipe_set();
        const timespec now{};
        // One that came meanwhile is ours.
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
