// Preloaded into volleyd by bench/run.py: counts every allocation of the process and prints the number when
// it ends. glibc's own functions do the work.
#include <atomic>
#include <cstddef>
#include <cstdio>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

std::atomic<unsigned long> allocations{0};
void count() { allocations.fetch_add(1, std::memory_order_relaxed); }

[[gnu::destructor]] void print() { std::fprintf(stderr, "allocations %lu\n", allocations.load()); }

}  // namespace

extern "C" {
[[gnu::visibility("default")]] void* malloc(std::size_t size) noexcept {
    count();
    return __libc_malloc(size);
}
[[gnu::visibility("default")]] void* calloc(std::size_t number, std::size_t size) noexcept {
    count();
    return __libc_calloc(number, size);
}
[[gnu::visibility("default")]] void* realloc(void* old, std::size_t size) noexcept {
    count();
    return __libc_realloc(old, size);
}
[[gnu::visibility("default")]] void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    count();
    return __libc_memalign(alignment, size);
}
}
