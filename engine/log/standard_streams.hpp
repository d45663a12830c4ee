// The three standard descriptors of this process.
#pragma once

namespace volley::log {

// Opens /dev/null in place of each of 0, 1 and 2 that is closed. Otherwise the next file or socket would get
// the number, and lines for standard error would be written into it. Call it before anything else is opened.
// Returns false if it fails.
bool open_standard_streams();

// Writes out what stdout holds. Returns whether all that was ever written to it has arrived; if not, says so
// on standard error. For programs whose output is their result.
bool finish_standard_output(const char* program);

}  // namespace volley::log
