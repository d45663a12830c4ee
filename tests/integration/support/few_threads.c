/* Preloaded: pthread_create fails as it does when the system has no thread left, after $FEW_THREADS of them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int made;

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
    int (*real)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) = dlsym(RTLD_NEXT, "pthread_create");
    const char* most = getenv("FEW_THREADS");
    if (most != NULL && atomic_fetch_add(&made, 1) >= atoi(most)) return EAGAIN;
    return real(thread, attributes, start, argument);
}
