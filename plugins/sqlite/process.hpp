// Who has claimed a message, so that a restart need not wait for the leases of a process that was killed.
// Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace volley::sqlite {

// Returns "boot id/pid namespace/pid/start time" of this process; empty if /proc does not tell. Reads files.
std::string this_process();

// Is the process surely gone? A database in WAL mode is used by one machine alone, hence one of another boot
// is.
bool is_gone(std::string_view process, std::string_view this_process);

}  // namespace volley::sqlite
