// VOLLEY_ASSERT stays on in every build. It is for what only a mistake of ours can cause: then the process
// stops, nothing more is acked, and the store delivers again. At least once makes a crash cheap, and a wrong
// ack dear.
#pragma once

#include <cstdio>
#include <cstdlib>

#define VOLLEY_ASSERT(fact)                                                                            \
    do {                                                                                               \
        if (!(fact)) {                                                                                 \
            std::fprintf(stderr, "volley: broken invariant: %s (%s:%d)\n", #fact, __FILE__, __LINE__); \
            std::abort();                                                                              \
        }                                                                                              \
    } while (false)
