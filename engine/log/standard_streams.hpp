// The three standard descriptors of this process.
#pragma once

namespace volley::log {

// Opens /dev/null in place of each of 0, 1 and 2 that is closed, or the next file or socket that is opened
// would get the number, and what is written to standard error would go into it. To be called before anything
// is opened. Returns false if that cannot be done.
bool open_standard_streams();

// Writes out what stdout holds. Returns whether all that was ever written to it has arrived; if not, says so
// on standard error. For programs whose output is their result.
bool finish_standard_output(const char* program);

}  // namespace volley::log
