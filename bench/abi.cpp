// bench_abi DIRECT HANDLERS: nanoseconds a message through each door of a handler, in calls of 1 and of 512
// messages. Medians of five rounds in turn.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "volley/plugin.h"
#include "volley/view.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t largest = 512;
constexpr std::uint64_t messages_per_round = 512 * 20'000;
constexpr int rounds = 5;

struct Input {
    std::string body = std::string(128, 'x');
    std::array<volley_message, largest> messages{};
    std::array<volley_task, largest> tasks{};
    Input() {
        for (std::uint32_t i = 0; i < largest; ++i) {
            messages[i].body = volley::view_of(body);
            tasks[i].message = &messages[i];
            tasks[i].attempt = 1;
        }
    }
};

const volley_host* host() {
    static const volley_host table = [] {
        volley_host h{};
        h.struct_size = sizeof h;
        h.log_level = [](const volley_host*) { return std::uint32_t{VOLLEY_ERROR}; };
        h.log = [](const volley_host*, std::uint32_t, volley_view, const volley_header*, std::uint32_t) {};
        h.config = [](const volley_host*, const char*, std::int32_t*, volley_view*) {
            return std::int32_t{0};
        };
        return h;
    }();
    return &table;
}

const volley_jobs* jobs() {
    static const volley_jobs table = [] {
        volley_jobs t{};
        t.struct_size = sizeof t;
        t.emit = [](void*, volley_job*, volley_view, const volley_record*, std::uint32_t, volley_error*) {
            return std::int32_t{VOLLEY_OK};
        };
        t.explain = [](void*, volley_job*, volley_view) {};
        t.cancelled = [](void*, volley_job*) { return std::int32_t{0}; };
        return t;
    }();
    return &table;
}

// Nanoseconds a message of one round.
double measure(std::uint32_t batch, const std::function<void(std::uint32_t)>& call) {
    const auto begin = Clock::now();
    for (std::uint64_t done = 0; done < messages_per_round; done += batch) call(batch);
    return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / messages_per_round;
}

struct Door {
    const char* name;
    std::function<void(std::uint32_t)> call;
    std::vector<double> times{};
};

double median(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

template <typename T>
T symbol(void* library, const char* name) {
    return reinterpret_cast<T>(dlsym(library, name));
}

}  // namespace

int main(int argc, char** argv) {
    void* const functions_library = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    void* const library = argc == 3 ? dlopen(argv[2], RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (functions_library == nullptr || library == nullptr)
        return std::fprintf(stderr, "usage: bench_abi libbench_abi_direct.so libbench_abi.so\n"), 64;
    const auto direct = symbol<std::int32_t (*)(const volley_message*)>(functions_library, "bench_direct");
    const auto* const table = symbol<const volley_handler_class* (*)()>(functions_library, "bench_table")();
    const auto entry =
        symbol<const volley_plugin* (*)(const volley_host*, volley_error*)>(library, VOLLEY_ENTRY_SYMBOL);
    const volley_plugin* const plugin = entry(host(), nullptr);

    static Input input;
    const auto through = [](const volley_handler_class* functions, volley_handler* instance) {
        return [functions, instance](std::uint32_t count) {
            functions->handle(instance, input.tasks.data(), count, sizeof(volley_task), nullptr);
        };
    };
    const auto made = [&](std::uint32_t index) {
        const auto* const functions =
            static_cast<const volley_handler_class*>(plugin->classes[index]->functions);
        volley_options options{};
        options.struct_size = sizeof options;
        volley_handler* instance = nullptr;
        functions->create(host(), &options, jobs(), &instance, nullptr);
        return through(functions, instance);
    };
    std::vector<Door> doors{{"a function of a shared object, per message",
                             [&](std::uint32_t count) {
                                 for (std::uint32_t i = 0; i < count; ++i) direct(&input.messages[i]);
                             }},
                            {"the handler's table of the ABI", through(table, nullptr)},
                            {"volley::Handler", made(0)},
                            {"volley::BatchHandler", made(1)}};
    std::printf("%-44s %10s %10s\n", "ns per message, 128 B", "calls of 1", "of 512");
    std::vector<std::vector<double>> results;
    for (const std::uint32_t batch : {1U, largest}) {
        for (Door& door : doors) door.times.clear();
        for (int round = 0; round < rounds; ++round)
            for (Door& door : doors) door.times.push_back(measure(batch, door.call));
        results.emplace_back();
        for (const Door& door : doors) results.back().push_back(median(door.times));
    }
    for (std::size_t i = 0; i < doors.size(); ++i)
        std::printf("%-44s %10.1f %10.1f\n", doors[i].name, results[0][i], results[1][i]);
    return 0;
}
