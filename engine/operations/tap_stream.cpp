#include "operations/tap_stream.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "config/interpolate.hpp"
#include "operations/json.hpp"
#include "text/text.hpp"

namespace volley::operations {

namespace {

constexpr std::size_t longest_excerpt = 400;
constexpr std::size_t longest_part = 200;  // of a key or a header

constexpr std::array<const char*, 3> directions{"in", "out", "dead"};

// The beginning of a text, masked before it is cut: half a secret is not recognised.
std::string excerpt(const config::Secrets& secrets, const std::string& text, std::size_t most) {
    std::string masked = secrets.masked(text);
    if (masked.size() <= most) return masked;
    masked.resize(text::utf8_prefix(std::string_view(masked).substr(0, most)));
    return masked + "\u2026";
}

// A copy ends in the middle of a character perhaps.
bool is_text(const std::string& copy) {
    constexpr std::size_t longest_character = 4;
    return copy.size() - text::utf8_prefix(copy) <
           (copy.size() < runtime::Tap::longest_copy ? 1 : longest_character);
}

// Whether the value of a header is a secret by its name. HTTP has some that do not say so.
bool has_secret(const std::string& name) {
    std::string lower = name;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const char* word : {"authorization", "cookie", "api-key"})
        if (lower.find(word) != std::string::npos) return true;
    return config::names_a_secret(lower);
}

void write_message(Json& json, const config::Secrets& secrets, const runtime::TappedMessage& m) {
    json.open()
        .number("at", m.seconds)
        .text("direction", name_of(m.direction))
        .text("queue", m.queue)
        .text_or_null("id", m.id)
        .known("partition", m.partition)
        .known("offset", m.offset);
    if (m.has_key)
        json.text("key", excerpt(secrets, m.key, longest_part));
    else
        json.null("key");
    if (m.has_body)
        json.count("body_bytes", m.body_bytes);
    else
        json.null("body_bytes");
    if (m.has_body && is_text(m.body))
        json.text("body", excerpt(secrets, m.body, longest_excerpt));
    else
        json.null("body");
    json.list("headers");
    for (const auto& [name, value] : m.headers) {
        json.open()
            .text("name", excerpt(secrets, name, longest_part))
            .text("value", has_secret(name) ? "***" : excerpt(secrets, value, longest_part))
            .close();
    }
    json.end_list().close();
}

}  // namespace

const char* name_of(runtime::TappedMessage::Direction direction) {
    return directions[static_cast<std::size_t>(direction)];
}

std::optional<runtime::TappedMessage::Direction> direction_named(std::string_view name) {
    const auto found = std::find(directions.begin(), directions.end(), name);
    if (found == directions.end()) return std::nullopt;
    return static_cast<runtime::TappedMessage::Direction>(found - directions.begin());
}

TapStream::TapStream(Find find, std::string component, const runtime::Tap::Settings& settings,
                     GetConfig config)
    : find_(std::move(find)),
      component_(std::move(component)),
      settings_(settings),
      config_(std::move(config)) {
    follow();
}

TapStream::~TapStream() {
    if (tap_) tap_->end();
}

void TapStream::follow() {
    auto now = find_(component_);
    if (now == tap_ || !now || !now->begin(settings_)) return;
    if (tap_) tap_->end();
    tap_ = std::move(now);
}

void TapStream::learn() {
    auto config = config_();
    if (!config || config == known_) return;
    secrets_.learn(*config);
    known_ = std::move(config);
}

std::string TapStream::events() {
    follow();
    learn();
    const runtime::Tap::Taken taken = tap_->take();
    Json json;
    json.open()
        .text("component", component_)
        .count("seen", taken.seen)
        .count("left_out", taken.left_out)
        .count("dropped", taken.dropped)
        .list("messages");
    for (const runtime::TappedMessage& message : taken.messages) write_message(json, secrets_, message);
    return "data: " + json.end_list().close().line() + "\n\n";
}

}  // namespace volley::operations
