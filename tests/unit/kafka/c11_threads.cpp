// Only with ThreadSanitizer: implements C11 threads with the pthread calls that it intercepts. Debian's
// librdkafka uses the C library's C11 threads, which ThreadSanitizer does not support and which crash it
// (librdkafka #4929). glibc's mtx_t and cnd_t are pthread objects.
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <ctime>
#include <memory>

namespace {

struct Start {
    thrd_start_t function;
    void* argument;
};

void* run(void* start) {
    const std::unique_ptr<Start> s(static_cast<Start*>(start));
    return reinterpret_cast<void*>(static_cast<long>(s->function(s->argument)));
}

int result(int code) {
    if (code == 0) return thrd_success;
    if (code == ENOMEM) return thrd_nomem;
    if (code == EBUSY) return thrd_busy;
    return code == ETIMEDOUT ? thrd_timedout : thrd_error;
}

pthread_mutex_t* mutex(mtx_t* m) { return reinterpret_cast<pthread_mutex_t*>(m); }
pthread_cond_t* condition(cnd_t* c) { return reinterpret_cast<pthread_cond_t*>(c); }

}  // namespace

#pragma GCC visibility push(default)  // so that librdkafka uses these instead of the C library's
extern "C" {
// librdkafka is not instrumented: its reference counts look like races.
const char* __tsan_default_suppressions() { return "race:librdkafka.so\n"; }

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
    auto start = std::make_unique<Start>(Start{function, argument});
    const int code = pthread_create(reinterpret_cast<pthread_t*>(thread), nullptr, &run, start.get());
    if (code == 0) static_cast<void>(start.release());
    return result(code);
}
int thrd_join(thrd_t thread, int* out) {
    void* value = nullptr;
    const int code = pthread_join(static_cast<pthread_t>(thread), &value);
    if (out != nullptr) *out = static_cast<int>(reinterpret_cast<long>(value));
    return result(code);
}
int mtx_init(mtx_t* m, int type) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if ((type & mtx_recursive) != 0) pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    return result(pthread_mutex_init(mutex(m), &attributes));
}
int mtx_lock(mtx_t* m) { return result(pthread_mutex_lock(mutex(m))); }
int mtx_trylock(mtx_t* m) { return result(pthread_mutex_trylock(mutex(m))); }
int mtx_unlock(mtx_t* m) { return result(pthread_mutex_unlock(mutex(m))); }
void mtx_destroy(mtx_t* m) { pthread_mutex_destroy(mutex(m)); }
int cnd_init(cnd_t* c) { return result(pthread_cond_init(condition(c), nullptr)); }
int cnd_signal(cnd_t* c) { return result(pthread_cond_signal(condition(c))); }
int cnd_broadcast(cnd_t* c) { return result(pthread_cond_broadcast(condition(c))); }
int cnd_wait(cnd_t* c, mtx_t* m) { return result(pthread_cond_wait(condition(c), mutex(m))); }
int cnd_timedwait(cnd_t* c, mtx_t* m, const std::timespec* time) {
    return result(pthread_cond_timedwait(condition(c), mutex(m), time));
}
void cnd_destroy(cnd_t* c) { pthread_cond_destroy(condition(c)); }
}
#pragma GCC visibility pop
