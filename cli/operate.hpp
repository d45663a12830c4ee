// The commands that ask a running engine: status, why, pause, resume, reload, drain, log, workers,
// rate, health.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace volley::cli {

struct Operate {
    enum class What : std::uint8_t {
        status,
        why,
        pause,
        resume,
        reload,
        drain,
        log,
        workers,
        rate,
        health
    } what = What::status;
    std::string address;  // empty: from the configuration
    bool json = false;
    std::vector<std::string> components;  // pause, resume; one: workers, rate
    bool all = false;
    std::uint32_t timeout = 120;  // reload: seconds
    std::string level;            // log
    std::string limit;            // workers, rate: a number, all, off
    std::string duration;         // log, workers, rate; empty: for good, or until the next reload
    bool ready = false;           // health
};

// Returns the exit code. `config_file` says where the engine is, unless there is an address.
int operate(const std::string& config_file, const Operate& operate);

}  // namespace volley::cli
