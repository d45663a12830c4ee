// The destination of log lines. One thread writes the lines of all other threads to standard error. Lines
// that standard error does not accept are dropped and counted (writer.hpp). At the exit of the process the
// queued lines are written within exit_patience. Call flush() before std::_Exit. Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace volley::log {

constexpr std::chrono::milliseconds exit_patience{500};

// Writes a text for people as it is, of any number of lines and at any level, such as the errors of a
// configuration.
void print(std::string text);

// Keeps this text below the log, in the last line of a terminal; empty: takes it away. It is not logged.
// Requires: standard error is a terminal, and the text fits into a line of it.
void show_status(std::string text);

// Waits until everything logged is written, for at most `patience`. Returns whether it is.
bool flush(std::chrono::milliseconds patience = exit_patience);

// The number of lines of this process that standard error did not accept.
std::uint64_t dropped();

}  // namespace volley::log
