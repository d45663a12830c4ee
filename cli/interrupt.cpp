#include "interrupt.hpp"

#include <algorithm>
#include <csignal>
#include <thread>

namespace volley::cli {

namespace {

volatile std::sig_atomic_t noted = 0;

void note(int) { noted = 1; }

}  // namespace

void note_interrupts(bool ends_input) {
    struct sigaction action {};
    action.sa_handler = &note;
    sigemptyset(&action.sa_mask);
    action.sa_flags = static_cast<int>(SA_RESETHAND) | (ends_input ? 0 : SA_RESTART);  // the next one kills
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

bool is_interrupted() { return noted != 0; }

bool wait_until(std::chrono::steady_clock::time_point time) {
    constexpr std::chrono::milliseconds step{50};
    for (auto now = std::chrono::steady_clock::now(); now < time && !is_interrupted();
         now = std::chrono::steady_clock::now())
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(time - now, step));
    return is_interrupted();
}

}  // namespace volley::cli
