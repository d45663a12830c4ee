// Tests of broken invariants: better dead than a wrong ack.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

namespace volley::test {

// Does the call stop the process by an assertion? It is made in a child.
template <typename Call>
bool stops(Call&& call) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit none{};
        setrlimit(RLIMIT_CORE, &none);
        close(STDERR_FILENO);  // the broken invariant is expected
        call();
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace volley::test
