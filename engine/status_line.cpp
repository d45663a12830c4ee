#include "status_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "text/escape.hpp"

namespace volley {

namespace {

constexpr std::size_t longest_part = 200;

std::string escaped(std::string_view text) {
    std::string out;
    text::append_escaped(out, text, longest_part, text::Quotes::plain);
    return out;
}

// Cuts to a number of columns. What is not ASCII may take two.
std::string cut(const std::string& text, std::size_t columns) {
    std::size_t used = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte & 0xC0U) == 0x80U) continue;  // inside a character
        used += byte < 0x80U ? 1 : 2;
        if (used > columns) return text.substr(0, i);
    }
    return text;
}

std::string handler_of(const ComponentConfig& component) {
    const HandlerConfig& handler = component.handler;
    if (handler.kind == HandlerConfig::Kind::forward) return "forward";
    if (handler.kind == HandlerConfig::Kind::library) return handler.library.library;
    if (handler.kind == HandlerConfig::Kind::function) return handler.function;
    std::string words;
    for (const std::string& word : handler.process.exec) words.append(words.empty() ? "" : " ").append(word);
    return words;
}

std::string joined(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) all.append(all.empty() ? "" : ", ").append(name);
    return all;
}

}  // namespace

bool is_for_a_terminal() {
    const char* kind = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

std::string banner(const std::string& file, const Config& config, const std::string& address) {
    std::size_t name_width = 0;
    for (const ComponentConfig& component : config.components)
        name_width = std::max(name_width, component.name.size());
    std::string out = "volleyd " VOLLEY_VERSION "  " + escaped(file) + "\n";
    constexpr std::size_t most_shown = 20;
    for (std::size_t i = 0; i < std::min(config.components.size(), most_shown); ++i) {
        const ComponentConfig& component = config.components[i];
        out += "  " + escaped(component.name) + std::string(name_width - component.name.size() + 2, ' ') +
               escaped(component.input) + " -> " + escaped(handler_of(component));
        if (!component.outputs.empty()) out += " -> " + escaped(joined(component.outputs));
        out += '\n';
    }
    if (config.components.size() > most_shown)
        out += "  and " + std::to_string(config.components.size() - most_shown) + " more components\n";
    if (!address.empty()) out += "  dashboard: http://" + address + "/\n";
    return out + "  Ctrl-C finishes what is at work and stops; a second one stops at once.\n";
}

std::size_t StatusLine::columns() {
    winsize size{};
    constexpr std::size_t usual = 80;
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

std::string StatusLine::turn(const runtime::EngineSnapshot& snapshot, runtime::Nanoseconds now,
                             std::size_t columns) {
    std::uint64_t finished = 0, in_flight = 0, dead = 0, dropped = 0, retries = 0;
    std::string why;
    for (const runtime::ComponentSnapshot& c : snapshot.components) {
        finished += c.done + c.dead + c.dropped + c.requeued;
        in_flight += c.in_flight;
        dead += c.dead;
        dropped += c.dropped;
        retries += c.retries;
        if (why.empty() && !c.ready) why = c.name + ": " + c.why_not_ready;
    }
    const double seconds = std::chrono::duration<double>(now - at_).count();
    // A component that a reload has replaced begins at zero.
    const std::uint64_t fresh = finished >= finished_ ? finished - finished_ : finished;
    const auto rate =
        static_cast<std::uint64_t>(at_.count() > 0 && seconds > 0 ? double(fresh) / seconds : 0);
    finished_ = finished;
    at_ = now;
    std::string line = snapshot.draining ? "draining" : snapshot.ready ? "ready" : "not ready";
    line += " | " + std::to_string(rate) + "/s | in flight " + std::to_string(in_flight) + " | finished " +
            std::to_string(finished);
    if (retries > 0) line += " | retries " + std::to_string(retries);
    if (dead > 0) line += " | dead " + std::to_string(dead);
    if (dropped > 0) line += " | dropped " + std::to_string(dropped);
    if (!snapshot.draining && !why.empty()) line += " | " + escaped(why);
    return cut(line, columns > 1 ? columns - 1 : columns);  // a full line would wrap
}

}  // namespace volley
