#include "handlers/ignored_lines.hpp"

#include "log/log.hpp"

namespace volley::handlers {

namespace {

constexpr std::uint64_t ignored_lines_logged = 10;
constexpr std::size_t longest_remembered = 200;

}  // namespace

void IgnoredLines::add(std::string_view line, std::string_view why) {
    line = line.substr(0, longest_remembered);
    last_.assign(line);
    if (++count_ <= ignored_lines_logged) {
        log::warning("a line on the handler's standard output is ignored",
                     {{"component", component_}, {"cause", why}, {"line", line}});
    } else if (count_ == ignored_lines_logged + 1) {
        log::warning("further ignored lines are not logged until the process is replaced",
                     {{"component", component_}});
    }
}

void IgnoredLines::clear() {
    count_ = 0;
    last_.clear();
}

}  // namespace volley::handlers
