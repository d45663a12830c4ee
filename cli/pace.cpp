#include "pace.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "json_fields.hpp"

namespace volley::cli {

namespace {

constexpr std::chrono::milliseconds show_period{200};
constexpr std::size_t bar_width = 20;

bool can_rewrite() {
    const char* const kind = std::getenv("TERM");
    return isatty(STDERR_FILENO) != 0 && kind != nullptr && std::string_view(kind) != "dumb";
}

}  // namespace

Pace::Pace(std::uint64_t per_second, std::uint64_t total)
    : per_second_(per_second), total_(total), is_terminal_(can_rewrite()) {}

std::chrono::steady_clock::time_point Pace::due(std::uint64_t done) const {
    if (per_second_ == 0) return begun_;
    const std::chrono::duration<double> after(static_cast<double>(done) / static_cast<double>(per_second_));
    return begun_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(after);
}

std::uint64_t Pace::group(std::uint64_t most) const {
    constexpr std::uint64_t per_group = 10;  // of a second
    return per_second_ == 0 ? most : std::clamp<std::uint64_t>(per_second_ / per_group, 1, most);
}

void Pace::show(std::uint64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal_ || now - shown_ < show_period) return;
    shown_ = now;
    is_shown_ = true;
    const double seconds = std::max(std::chrono::duration<double>(now - begun_).count(), 0.001);
    const double rate = static_cast<double>(done) / seconds;
    char text[160];
    if (total_ == 0) {
        std::snprintf(text, sizeof text, "%llu, %.0f/s", static_cast<unsigned long long>(done), rate);
        std::fprintf(stderr, "\r%s\x1b[K", text);
        return;
    }
    const auto filled = static_cast<std::size_t>(
        std::min(1.0, static_cast<double>(done) / static_cast<double>(total_)) * bar_width);
    const std::string bar = std::string(filled, '#') + std::string(bar_width - filled, '.');
    const std::string left = rate > 0 && done < total_
                                 ? ", " + shown_time(static_cast<double>(total_ - done) / rate) + " left"
                                 : "";
    std::fprintf(stderr, "\r[%s] %llu of %llu, %.0f/s%s\x1b[K", bar.c_str(),
                 static_cast<unsigned long long>(done), static_cast<unsigned long long>(total_), rate,
                 left.c_str());
}

void Pace::erase() {
    if (is_shown_) std::fprintf(stderr, "\r\x1b[K");
    is_shown_ = false;
}

}  // namespace volley::cli
