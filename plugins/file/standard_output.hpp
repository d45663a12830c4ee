// Standard output, shared by all producers of this process. It never waits for a slow reader beyond the given
// time, so a line may be written in parts; its rest is written before anything else. Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace volley::file {

class StandardOutput {
public:
    static StandardOutput& instance();

    // Takes complete lines: as many bytes as can be written in that time, rounded up to the end of a line.
    // Returns how many bytes of `lines` were taken. They are written when written() reaches taken(). Throws
    // Error{fatal} if the reader is gone.
    std::size_t take(std::string_view lines, std::chrono::milliseconds time);
    // Writes the rest of the taken bytes. Throws as take.
    void write_rest(std::chrono::milliseconds time);
    // Bytes, since the process began.
    std::uint64_t taken();
    std::uint64_t written();

private:
    std::size_t write(std::string_view bytes, std::chrono::steady_clock::time_point until);
    bool write_rest_until(std::chrono::steady_clock::time_point until);

    std::mutex mutex_;
    std::string rest_;
    std::uint64_t taken_ = 0;
};

}  // namespace volley::file
