#include "screen.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace volley::cli {

namespace {

constexpr std::string_view enter =
    "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J";  // alternate screen, no cursor, no wrapping
constexpr std::string_view leave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

// For signal handlers.
termios before{};
volatile std::sig_atomic_t is_entered = 0;

// Safe in a signal handler, as are the functions that use it.
void put(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void take_over() {
    termios now = before;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    now.c_cc[VMIN] = 0;
    now.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
    put(enter);
    is_entered = 1;
}

void give_back() {
    if (is_entered == 0) return;
    is_entered = 0;
    put(leave);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

// Its action is the default again, and it is not blocked.
void end_by(int signal) {
    give_back();
    ::raise(signal);
}

void ignore(int) {}  // it only interrupts a wait

void on_signal(int signal, void (*action)(int), int flags) {
    struct sigaction chosen {};
    chosen.sa_handler = action;
    sigemptyset(&chosen.sa_mask);
    chosen.sa_flags = flags;
    ::sigaction(signal, &chosen, nullptr);
}

// Ctrl-Z: the shell gets its terminal; the screen comes back with SIGCONT.
void suspend(int) {
    const int saved = errno;
    give_back();
    on_signal(SIGTSTP, SIG_DFL, 0);
    ::raise(SIGTSTP);
    on_signal(SIGTSTP, &suspend, SA_NODEFER);
    take_over();
    errno = saved;
}

}  // namespace

bool Screen::is_possible() {
    const char* const kind = std::getenv("TERM");
    return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0 && kind != nullptr && *kind != '\0' &&
           std::string_view(kind) != "dumb";
}

Screen::Screen() {
    ::tcgetattr(STDIN_FILENO, &before);
    for (const int signal : fatal) on_signal(signal, &end_by, static_cast<int>(SA_RESETHAND | SA_NODEFER));
    on_signal(SIGTSTP, &suspend, SA_NODEFER);
    on_signal(SIGWINCH, &ignore, 0);
    std::atexit(&give_back);
    take_over();
}

Screen::~Screen() { give_back(); }

Screen::Size Screen::size() {
    winsize now{};
    Size size;
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) != 0 || now.ws_col == 0 || now.ws_row == 0) return size;
    return {now.ws_col, now.ws_row};
}

void Screen::draw(const std::vector<std::string>& lines) {
    std::string out = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) out += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
    out += "\x1b[J";
    put(out);
}

bool Screen::wait(std::chrono::milliseconds time, std::string& keys) {
    keys.clear();
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, static_cast<int>(std::max<std::int64_t>(time.count(), 0)));
    if (ready <= 0) return ready == 0 || errno == EINTR;
    char bytes[64];
    const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) return false;
    keys.assign(bytes, static_cast<std::size_t>(n));
    return true;
}

}  // namespace volley::cli
