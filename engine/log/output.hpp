// Where log lines go: one thread writes to standard error what the other threads queue, and what standard
// error does not take is dropped and counted (writer.hpp). What is queued when the process exits is written
// then, within exit_patience; before std::_Exit, call flush(). Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace volley::log {

constexpr std::chrono::milliseconds exit_patience{500};

// A text for people as it is, of any number of lines: the mistakes of a configuration. Whatever the level.
void print(std::string text);

// Waits until what was logged is written, at most `patience`. Returns whether it is.
bool flush(std::chrono::milliseconds patience = exit_patience);

// How many lines standard error did not take, in this process.
std::uint64_t dropped();

}  // namespace volley::log
