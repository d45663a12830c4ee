// A tar archive in gzip, in memory: plain files only, stored without compression, so that no library is
// needed. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace volley::cli {

class Archive {
public:
    // `unix_seconds`: the time of all files.
    explicit Archive(std::int64_t unix_seconds) : time_(unix_seconds) {}

    // Requires: the name has less than 100 bytes.
    void add(std::string_view name, std::string_view content);
    // The whole archive.
    std::string gzip() const;

private:
    std::int64_t time_;
    std::string tar_;
};

}  // namespace volley::cli
