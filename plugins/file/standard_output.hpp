// Standard output, shared by all producers of this process. Never waits for a slow reader longer than it is
// told to, so a line may be written in parts; the rest of it goes out before anything else. Thread: any.
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

    // Takes whole lines: as much as can be written in that time, to the end of a line. Returns how many bytes
    // of `lines` were taken. They are written when written() reaches taken(). Throws Error{fatal} if nobody
    // reads any more.
    std::size_t take(std::string_view lines, std::chrono::milliseconds time);
    // Writes the rest of what was taken. Throws as take.
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
