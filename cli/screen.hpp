// The whole terminal, for a command that redraws it. What it was before comes back however the process ends,
// except by SIGKILL. Thread: the main thread's; one screen at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace volley::cli {

class Screen {
public:
    // Standard input and output are terminals that understand cursor movement.
    static bool is_possible();

    Screen();
    ~Screen();
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    struct Size {
        std::size_t columns = 80;
        std::size_t rows = 24;
    };
    static Size size();

    // Shows these lines, and nothing else. Requires: no line is wider than the screen, and all of them fit;
    // control characters are escaped, except for styles.
    static void draw(const std::vector<std::string>& lines);

    // Waits for keys, a change of the size, or the end of the time. Returns false once the terminal is gone.
    static bool wait(std::chrono::milliseconds time, std::string& keys);
};

}  // namespace volley::cli
