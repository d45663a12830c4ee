// volley-simulate [--seed N [--trace MESSAGE]] [--seeds COUNT] [--hours H]: runs the simulator and prints the
// first seed that breaks a promise. Exit 1 if there is one.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "simulator.hpp"

namespace {

std::uint64_t running = 0;

// A broken invariant ends the process: say which seed it was.
void tell_seed(int) {
    char text[64];
    const int size =
        std::snprintf(text, sizeof text, "in seed %llu\n", static_cast<unsigned long long>(running));
    if (write(STDERR_FILENO, text, static_cast<std::size_t>(size)) < 0) std::_Exit(3);
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t first = 1;
    std::uint64_t count = 2000;
    double hours = 0;
    int traced = -1;
    for (int i = 1; i < argc; i += 2) {
        const bool has_value = i + 1 < argc;
        if (has_value && std::strcmp(argv[i], "--seed") == 0) {
            first = std::strtoull(argv[i + 1], nullptr, 10);
            count = 1;
        } else if (has_value && std::strcmp(argv[i], "--seeds") == 0) {
            count = std::strtoull(argv[i + 1], nullptr, 10);
        } else if (has_value && std::strcmp(argv[i], "--from") == 0) {
            first = std::strtoull(argv[i + 1], nullptr, 10);
        } else if (has_value && std::strcmp(argv[i], "--hours") == 0) {
            hours = std::strtod(argv[i + 1], nullptr);
        } else if (has_value && std::strcmp(argv[i], "--trace") == 0) {
            traced = std::atoi(argv[i + 1]);
        } else {
            std::fprintf(stderr,
                         "usage: volley-simulate [--seed N [--trace MESSAGE]] [--from N] [--seeds COUNT] "
                         "[--hours H]\n");
            return 64;
        }
    }
    std::signal(SIGABRT, &tell_seed);
    std::printf("simulating from seed %llu\n", static_cast<unsigned long long>(first));
    std::fflush(stdout);
    const auto begin = std::chrono::steady_clock::now();
    simulation::Verdict total;
    std::uint64_t seed = first;
    for (;; ++seed) {
        const double elapsed =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (hours > 0 ? elapsed >= hours * 3600 : seed >= first + count) break;
        running = seed;
        const simulation::Verdict verdict = simulation::Simulator(seed).run(traced);
        total.steps += verdict.steps;
        total.crashes += verdict.crashes;
        total.stops += verdict.stops;
        total.rebalances += verdict.rebalances;
        total.duplicates += verdict.duplicates;
        if (verdict.broken) {
            std::printf("seed %llu: %s\n  scenario: %s\n  replay:   ./dev simulate --seed %llu\n",
                        static_cast<unsigned long long>(seed), verdict.broken->c_str(),
                        verdict.scenario.c_str(), static_cast<unsigned long long>(seed));
            return 1;
        }
    }
    std::printf(
        "%llu seeds, %llu steps, %llu crashes, %llu stops, %llu rebalances, %llu duplicates after them: no "
        "promise "
        "broken\n",
        static_cast<unsigned long long>(seed - first), static_cast<unsigned long long>(total.steps),
        static_cast<unsigned long long>(total.crashes), static_cast<unsigned long long>(total.stops),
        static_cast<unsigned long long>(total.rebalances), static_cast<unsigned long long>(total.duplicates));
    return 0;
}
