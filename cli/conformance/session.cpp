#include "conformance/session.hpp"

#include <algorithm>

#include "conformance/verdict.hpp"

namespace volley::cli::conformance {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The line of its standard error that says most, for a reason of one line: the last one that names an error,
// or the last one.
std::string last_words(const handlers::Child& child) {
    const std::string tail = child.stderr_tail();
    std::string_view chosen;
    bool names_error = false;
    for (std::size_t begin = 0; begin < tail.size();) {
        const std::size_t end = std::min(tail.find('\n', begin), tail.size());
        const std::string_view line = std::string_view(tail).substr(begin, end - begin);
        const bool names =
            line.find("rror") != std::string_view::npos || line.find("panic") != std::string_view::npos;
        if (!line.empty() && (names || !names_error)) chosen = line;
        names_error = names_error || names;
        begin = end + 1;
    }
    return chosen.empty() ? std::string() : "; its standard error has " + excerpt(chosen);
}

bool is_malformed_answer(const Spoken& one) {
    return one.what == Spoken::What::noise && one.line.front() == '{' &&
           handlers::named_id(one.line).has_value();
}

}  // namespace

Result<std::unique_ptr<Session>> Session::start(const Program& program, std::uint32_t concurrency) {
    handlers::ChildOptions options;
    options.exec = program.exec;
    options.directory = ".";
    options.component = "handler-check";
    options.concurrency = program.version >= 2 ? concurrency : 0;
    auto child = handlers::Child::start(options);
    if (!child) return child.error();
    return std::unique_ptr<Session>(new Session(program, std::move(*child)));
}

void Session::send(const Sent& message, std::string_view line) {
    expect(message);
    wire_.write(line);
    wire_.write("\n");
}

bool Session::wait_ready() {
    return run_until([&] { return spoken_.size() > noise_ || wire_.was_read(); }, program_.timeout);
}

bool Session::wait_answers(std::size_t count) {
    return run_until([&] { return sent_.size() - unanswered(sent_, spoken_) >= count; }, program_.timeout);
}

std::optional<handlers::ChildEnd> Session::finish() {
    handlers::Child& child = wire_.child();
    if (!run_until([&] { return wire_.is_written(); }, program_.timeout) && !child.has_ended())
        return std::nullopt;
    wire_.close_input();
    run_until([] { return false; }, program_.timeout);
    if (!child.has_ended()) return std::nullopt;
    return child.kill();
}

Abilities Session::abilities() const {
    if (spoken_.empty() || spoken_.front().what != Spoken::What::hello) return {};
    return read_abilities(spoken_.front().line);
}

// Returns whether `done` holds. Gives up when the program has ended, shows no progress for too long, or
// writes without end.
bool Session::run_until(const std::function<bool()>& done, milliseconds timeout) {
    constexpr std::int64_t look = 20;
    constexpr std::size_t most_noise = 10'000;
    auto last = Clock::now();
    const auto end = last + 10 * timeout;
    std::vector<std::string> lines;
    for (std::uint64_t seen = wire_.progress(); !done();) {
        lines.clear();
        if (wire_.child().has_ended()) {
            wire_.read_some(lines);  // what it wrote before its end
            take(lines);
            return done();
        }
        if (wire_.progress() != seen) {
            seen = wire_.progress();
            last = Clock::now();
        }
        const auto until = std::min(last + timeout, end);
        const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
        if (left <= 0 || noise_ > most_noise) return false;
        wire_.turn(static_cast<int>(std::min<std::int64_t>(left, look)), lines);
        take(lines);
    }
    return true;
}

void Session::take(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
        spoken_.push_back(read_spoken(line));
        if (spoken_.back().what == Spoken::What::noise) ++noise_;
    }
}

// Nothing if the lines of the program do not explain it.
std::optional<Diagnosis> Session::diagnose_lines() const {
    if (const auto unknown = find_unknown(sent_, spoken_))
        return Diagnosis{*unknown, "repeat the \"id\" of the message in its answer"};
    if (const auto noise = find_noise(spoken_)) {
        if (std::any_of(spoken_.begin(), spoken_.end(), is_malformed_answer))
            return Diagnosis{*noise,
                             "write each answer as one line of valid JSON with the fields of the protocol"};
        return Diagnosis{*noise,
                         "standard output is for answers alone: print to standard error, and end each answer "
                         "with a newline"};
    }
    return std::nullopt;
}

Diagnosis Session::diagnose() {
    const std::size_t before = unanswered(sent_, spoken_);
    const std::string counted = std::to_string(before) + " of " + std::to_string(sent_.size()) +
                                (sent_.size() == 1 ? " message" : " messages") + " without an answer";
    handlers::Child& child = wire_.child();
    if (child.has_ended()) {
        const std::string end = child.kill().text;  // before last_words(), which is complete then
        return {counted + ": the program ended (" + end + ")" + last_words(child),
                "a handler runs until its standard input is closed"};
    }
    if (const auto lines = diagnose_lines()) return {counted + ", and " + lines->came, lines->advice};
    if (wire_.is_output_closed()) return {counted + ": it closed its standard output", "keep it open"};
    const bool inside = wire_.is_inside_line();
    // Output that appears at the end of the input was kept in a buffer.
    wire_.close_input();
    constexpr milliseconds grace{2000};
    run_until([&] { return unanswered(sent_, spoken_) < before; }, std::min(grace, program_.timeout));
    if (unanswered(sent_, spoken_) < before)
        return {counted + " until its standard input was closed", "flush standard output after each answer"};
    if (inside)
        return {counted + ", and a line without its end", "end each answer with a newline, and flush it"};
    return {counted + " within " + std::to_string(program_.timeout.count()) + " ms" + last_words(child),
            "answer each message with a line {\"id\":…}; --timeout gives it more time"};
}

}  // namespace volley::cli::conformance
