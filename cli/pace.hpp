// A command that works through many messages: not faster than asked, and on a terminal with a line that says
// how far it is. Thread: one at a time.
#pragma once

#include <chrono>
#include <cstdint>

namespace volley::cli {

class Pace {
public:
    // `per_second` 0: as fast as it goes. `total` 0: it is not known.
    Pace(std::uint64_t per_second, std::uint64_t total);
    ~Pace() { erase(); }
    Pace(const Pace&) = delete;
    Pace& operator=(const Pace&) = delete;

    // When the message after so many is due.
    std::chrono::steady_clock::time_point due(std::uint64_t done) const;
    // How many messages may be worked on before due() is asked again.
    std::uint64_t group(std::uint64_t most) const;
    // So many are done: shows it, several times a second at most.
    void show(std::uint64_t done);
    // Removes the line, before something else is written.
    void erase();

private:
    std::uint64_t per_second_;
    std::uint64_t total_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown_ = begun_;
    bool is_terminal_;
    bool is_shown_ = false;
};

}  // namespace volley::cli
