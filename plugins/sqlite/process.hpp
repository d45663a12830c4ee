// Identifies the process that has claimed a message, so that a restart need not wait for the leases of a
// killed process. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace volley::sqlite {

// Returns "boot id/pid namespace/pid/start time" of this process; empty if /proc does not tell. Reads files.
std::string this_process();

// True if the process is certainly gone. Only one machine uses a database in WAL mode, so a process of
// another boot is gone.
bool is_gone(std::string_view process, std::string_view this_process);

}  // namespace volley::sqlite
