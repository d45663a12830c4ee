// A run of a handler program: a fresh child as volleyd starts it, the messages that it gets, and what it
// says.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/spoken.hpp"
#include "conformance/wire.hpp"

namespace volley::cli::conformance {

struct Program {
    std::vector<std::string> exec;
    std::chrono::milliseconds timeout{10'000};  // without any progress
    int version = 2;                            // of the protocol
    std::string body = "{}";                    // JSON of the messages of the generic checks
};

// What happened in place of an answer, and what the author of the program can do.
struct Diagnosis {
    std::string came;
    std::string advice;
};

class Session {
public:
    // `concurrency` becomes VOLLEY_CONCURRENCY with version 2. Sets variables of this process: one session at
    // a time.
    static Result<std::unique_ptr<Session>> start(const Program& program, std::uint32_t concurrency);

    // Waits for the first line, or until the program has read what was sent. Returns whether it did.
    bool wait_ready();
    // Queues bytes. They are written while this object waits for something.
    void write(std::string_view bytes) { wire_.write(bytes); }
    // Registers a message whose line was written.
    void expect(const Sent& message) { sent_.push_back(message); }
    // Registers a message and queues its line.
    void send(const Sent& message, std::string_view line);
    // Waits until so many messages have their answers. Returns whether that came before the timeout and the
    // end.
    bool wait_answers(std::size_t count);
    bool wait_answers() { return wait_answers(sent_.size()); }
    // Writes the rest, closes the input, and waits for the end. Nothing if the program does not end in time.
    std::optional<handlers::ChildEnd> finish();
    void terminate() { wire_.child().terminate(); }  // SIGTERM to its process group

    const std::vector<Sent>& sent() const { return sent_; }
    const std::vector<Spoken>& spoken() const { return spoken_; }
    Abilities abilities() const;
    // Says why messages have no answer. May close the input and end the program.
    Diagnosis diagnose();

private:
    explicit Session(Program program, std::unique_ptr<handlers::Child> child)
        : program_(std::move(program)), wire_(std::move(child)) {}
    bool run_until(const std::function<bool()>& done, std::chrono::milliseconds timeout);
    void take(const std::vector<std::string>& lines);
    std::optional<Diagnosis> diagnose_lines() const;

    Program program_;
    Wire wire_;
    std::vector<Sent> sent_;
    std::vector<Spoken> spoken_;
    std::size_t noise_ = 0;  // lines of `spoken_` that are noise
};

}  // namespace volley::cli::conformance
