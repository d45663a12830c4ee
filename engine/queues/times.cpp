#include "queues/times.hpp"

#include <charconv>
#include <chrono>
#include <ctime>

#include "config/bind.hpp"

namespace volley::queues {

namespace {

// Takes fixed fields off the front of a text.
class Fields {
public:
    explicit Fields(std::string_view text) : text_(text) {}
    bool at_end() const { return text_.empty(); }
    // One of `any`; 0 if it is none, and nothing is taken.
    char one_of(std::string_view any) {
        if (text_.empty() || any.find(text_.front()) == std::string_view::npos) return 0;
        const char taken = text_.front();
        text_.remove_prefix(1);
        return taken;
    }
    // Exactly so many digits, up to `most`; -1 if they are not there.
    int number(std::size_t digits, int most) {
        if (text_.size() < digits) return -1;
        int value = -1;
        const auto [end, error] = std::from_chars(text_.data(), text_.data() + digits, value);
        if (error != std::errc{} || end != text_.data() + digits || value < 0 || value > most) return -1;
        text_.remove_prefix(digits);
        return value;
    }

private:
    std::string_view text_;
};

std::optional<std::chrono::milliseconds> time_of_day(Fields& fields) {
    using namespace std::chrono;
    const int hour = fields.number(2, 23);
    if (hour < 0 || fields.one_of(":") == 0) return std::nullopt;
    const int minute = fields.number(2, 59);
    if (minute < 0) return std::nullopt;
    milliseconds out = hours(hour) + minutes(minute);
    if (fields.one_of(":") == 0) return out;
    const int second = fields.number(2, 59);
    if (second < 0) return std::nullopt;
    out += seconds(second);
    if (fields.one_of(".") == 0) return out;
    const int thousandth = fields.number(3, 999);
    if (thousandth < 0) return std::nullopt;
    return out + milliseconds(thousandth);
}

// How far ahead of UTC; nothing given is UTC.
std::optional<std::chrono::milliseconds> zone(Fields& fields) {
    using namespace std::chrono;
    const char sign = fields.one_of("Z+-");
    if (sign == 0 || sign == 'Z') return milliseconds(0);
    const int hour = fields.number(2, 14);
    fields.one_of(":");
    const int minute = fields.number(2, 59);
    if (hour < 0 || minute < 0) return std::nullopt;
    const minutes ahead = hours(hour) + minutes(minute);
    return sign == '+' ? ahead : -ahead;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
    using namespace std::chrono;
    Fields fields(text);
    const int y = fields.number(4, 9999);
    if (y < 0 || fields.one_of("-") == 0) return std::nullopt;
    const int m = fields.number(2, 12);
    if (m < 0 || fields.one_of("-") == 0) return std::nullopt;
    const int d = fields.number(2, 31);
    const year_month_day date{year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d))};
    if (d < 0 || !date.ok()) return std::nullopt;
    milliseconds time{0};
    if (fields.one_of("T ") != 0) {
        const auto of_day = time_of_day(fields);
        const auto ahead = of_day ? zone(fields) : std::nullopt;
        if (!ahead) return std::nullopt;
        time = *of_day - *ahead;
    }
    if (!fields.at_end()) return std::nullopt;
    return (sys_days(date).time_since_epoch() + time) / milliseconds(1);
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text, std::int64_t now_ms) {
    if (const auto ago = config::parse_duration(text)) return now_ms - ago->count();
    return parse_date(text);
}

std::string utc_time(double unix_seconds) {
    const auto whole = static_cast<std::time_t>(unix_seconds);
    std::tm utc{};
    gmtime_r(&whole, &utc);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

std::string utc_time_now() {
    using namespace std::chrono;
    const auto now_ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    std::string text = utc_time(static_cast<double>(now_ms / 1000));
    const std::string thousandths = std::to_string(1000 + now_ms % 1000).substr(1);
    return text.insert(text.size() - 1, "." + thousandths);
}

}  // namespace volley::queues
