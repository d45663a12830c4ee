// Notices that files of a configuration have changed, for `volleyd --watch`: the configuration itself, the
// schemas that it names, and the programs and libraries of handlers with the files beside them that have the
// same extension. Polls: mounted folders of containers and virtual machines deliver no events. Thread: one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "volley/config.hpp"

namespace volley {

class FileWatch {
public:
    // Watches the files of this configuration from now on. `file`: its own.
    void begin(const std::string& file, const Config& config);

    // Returns the components whose handler's files have changed since begin() or the last return; none of
    // them if only the configuration or a schema has. Nothing: no change, or one that may not be complete. A
    // change counts when two calls in a row find the same, because editors and compilers write in several
    // steps.
    std::optional<std::set<std::string>> look();

private:
    struct Stamp {
        std::uint64_t inode = 0;
        std::int64_t size = 0;
        std::int64_t changed_ns = 0;
        bool operator==(const Stamp&) const = default;
    };
    using Stamps = std::map<std::string, Stamp>;

    void add(const std::string& path, const std::string& component);
    Stamps stamps() const;

    std::map<std::string, std::set<std::string>> components_;  // by path; empty: of the configuration
    Stamps known_;
    Stamps last_;
};

}  // namespace volley
