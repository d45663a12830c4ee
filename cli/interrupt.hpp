// Ctrl-C in the middle of a long command: the first one asks it to end at a safe place, the second one kills
// it. Thread: the main thread's.
#pragma once

#include <chrono>

namespace volley::cli {

inline constexpr int exit_interrupted = 130;

// From now on SIGINT and SIGTERM are noted once. With `ends_input` they also end a wait for standard input.
void note_interrupts(bool ends_input = false);
bool is_interrupted();
// Waits for the time, or until an interrupt. Returns is_interrupted().
bool wait_until(std::chrono::steady_clock::time_point time);

}  // namespace volley::cli
