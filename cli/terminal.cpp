#include "terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "text/escape.hpp"

namespace volley::cli {

namespace {

// Line breaks and tabs stay.
std::string escaped(std::string_view bytes) {
    std::string out;
    while (!bytes.empty()) {
        const std::size_t end = std::min(bytes.find_first_of("\n\t"), bytes.size());
        text::append_escaped(out, bytes.substr(0, end), bytes.size(), text::Quotes::plain);
        if (end == bytes.size()) break;
        out += bytes[end];
        bytes.remove_prefix(end + 1);
    }
    return out;
}

}  // namespace

void print_bytes(std::string_view bytes) {
    const std::string shown = isatty(STDOUT_FILENO) != 0 ? escaped(bytes) : std::string(bytes);
    std::fwrite(shown.data(), 1, shown.size(), stdout);
    std::fputc('\n', stdout);
}

void print_json(std::string_view line) {
    std::string out;
    text::append_escaped(out, line, line.size(), text::Quotes::plain);
    out += '\n';
    std::fwrite(out.data(), 1, out.size(), stdout);
}

void say(std::string_view text) {
    const std::string out = "volley: " + escaped(text) + "\n";
    std::fwrite(out.data(), 1, out.size(), stderr);
}

}  // namespace volley::cli
