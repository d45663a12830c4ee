// volley-simulate [--seed N [--trace MESSAGE]] [--seeds COUNT] [--hours H] [--hostile COUNT [--breach N]]:
// runs the simulator and prints the first seed that breaks a promise. Exit 1 if there is one.
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

// Prints a table: what a plugin does, and what the engine makes of it.
int run_hostile(std::uint64_t first, std::uint64_t seeds, int only, int traced) {
    for (const simulation::Rule& rule : simulation::rules()) {
        if (only != 0 && static_cast<int>(rule.breach) != only) continue;
        std::uint64_t breached = 0, ended = 0;
        std::string said;
        for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
            running = seed;
            const simulation::Summary summary = simulation::Simulator(seed).run_hostile(rule.breach, traced);
            if (summary.broken) {
                std::printf(
                    "%s: seed %llu: %s\n  scenario: %s\n  replay:   ./dev simulate --seed %llu --hostile 1 "
                    "--breach %d\n",
                    rule.name, static_cast<unsigned long long>(seed), summary.broken->c_str(),
                    summary.scenario.c_str(), static_cast<unsigned long long>(seed),
                    static_cast<int>(rule.breach));
                return 1;
            }
            breached += summary.is_breached ? 1 : 0;
            ended += summary.has_ended ? 1 : 0;
            if (!summary.text.empty()) said = summary.text;
        }
        std::printf("%-62s %4llu times: %4llu ended, %4llu went on  %s\n", rule.name,
                    static_cast<unsigned long long>(breached), static_cast<unsigned long long>(ended),
                    static_cast<unsigned long long>(breached - ended), said.c_str());
        std::fflush(stdout);
        if (breached == 0) return 1;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t first = 1;
    std::uint64_t count = 2000;
    double hours = 0;
    int traced = -1;
    std::uint64_t hostile = 0;
    int breach = 0;
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
        } else if (has_value && std::strcmp(argv[i], "--hostile") == 0) {
            hostile = std::strtoull(argv[i + 1], nullptr, 10);
        } else if (has_value && std::strcmp(argv[i], "--breach") == 0) {
            breach = std::atoi(argv[i + 1]);
        } else if (has_value && std::strcmp(argv[i], "--trace") == 0) {
            traced = std::atoi(argv[i + 1]);
        } else {
            std::fprintf(stderr,
                         "usage: volley-simulate [--seed N [--trace MESSAGE]] [--from N] [--seeds COUNT] "
                         "[--hours H]\n"
                         "       volley-simulate [--seed N] --hostile SEEDS [--breach N]\n");
            return 64;
        }
    }
    std::signal(SIGABRT, &tell_seed);
    if (hostile > 0) return run_hostile(first, hostile, breach, traced);
    std::printf("simulating from seed %llu\n", static_cast<unsigned long long>(first));
    std::fflush(stdout);
    const auto begin = std::chrono::steady_clock::now();
    simulation::Summary total;
    std::uint64_t seed = first;
    for (;; ++seed) {
        const double elapsed =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (hours > 0 ? elapsed >= hours * 3600 : seed >= first + count) break;
        running = seed;
        const simulation::Summary summary = simulation::Simulator(seed).run(traced);
        total.steps += summary.steps;
        total.crashes += summary.crashes;
        total.stops += summary.stops;
        total.rebalances += summary.rebalances;
        total.reloads += summary.reloads;
        total.duplicates += summary.duplicates;
        if (summary.broken) {
            std::printf("seed %llu: %s\n  scenario: %s\n  replay:   ./dev simulate --seed %llu\n",
                        static_cast<unsigned long long>(seed), summary.broken->c_str(),
                        summary.scenario.c_str(), static_cast<unsigned long long>(seed));
            return 1;
        }
    }
    std::printf(
        "%llu seeds, %llu steps, %llu crashes, %llu stops, %llu rebalances, %llu reloads, %llu duplicates "
        "after them: no "
        "promise "
        "broken\n",
        static_cast<unsigned long long>(seed - first), static_cast<unsigned long long>(total.steps),
        static_cast<unsigned long long>(total.crashes), static_cast<unsigned long long>(total.stops),
        static_cast<unsigned long long>(total.rebalances), static_cast<unsigned long long>(total.reloads),
        static_cast<unsigned long long>(total.duplicates));
    return 0;
}
