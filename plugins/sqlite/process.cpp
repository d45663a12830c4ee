#include "process.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace volley::sqlite {

namespace {

// The start time of a process, in ticks since boot: field 22 of its stat. Empty: there is no such process.
std::string start_time(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t name_end = line.rfind(')');  // the name may contain anything
    if (name_end == std::string::npos) return {};
    std::istringstream fields(line.substr(name_end + 1));
    std::string field;
    for (int i = 3; i <= 22; ++i) fields >> field;
    return fields ? field : std::string();
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    std::istringstream stream{std::string(text)};
    for (std::string part; std::getline(stream, part, '/');) parts.push_back(part);
    return parts;
}

}  // namespace

std::string this_process() {
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    std::error_code unreadable;
    const std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", unreadable).string();
    const std::string pid = std::to_string(::getpid());
    const std::string start = start_time(pid);
    if (boot.empty() || space.empty() || start.empty()) return {};
    return boot + "/" + space + "/" + pid + "/" + start;
}

bool is_gone(std::string_view process, std::string_view this_process) {
    const auto ours = split(this_process);
    const auto other = split(process);
    if (ours.size() != 4 || other.size() != 4) return false;
    if (other[0] != ours[0]) return true;
    if (other[1] != ours[1]) return false;  // another container's pids mean nothing here
    return start_time(other[2]) != other[3];
}

}  // namespace volley::sqlite
