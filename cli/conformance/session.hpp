// A run of a handler program: a fresh child as volleyd starts it, what is written to it, and what it says.
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
#include "handlers/child.hpp"
#include "handlers/lines.hpp"

namespace volley::cli::conformance {

struct Program {
    std::vector<std::string> exec;
    std::chrono::milliseconds timeout{10'000};  // without any progress
    int version = 2;                            // of the protocol
    std::string body = "{}";                    // JSON of the messages of the generic checks
};

class Session {
public:
    // `concurrency` becomes VOLLEY_CONCURRENCY with version 2. Sets variables of this process: one session at
    // a time.
    static Result<std::unique_ptr<Session>> start(const Program& program, std::uint32_t concurrency = 1);

    // Waits for the first line, or until the program has read what was sent. Returns whether it did.
    bool wait_ready();
    // Queues bytes. They are written while this object waits for something.
    void write(std::string_view bytes) { unwritten_ += bytes; }
    // Registers a message whose line was written.
    void expect(const Sent& message) { sent_.push_back(message); }
    // Registers a message and queues its line.
    void send(const Sent& message, std::string_view line);
    // Waits until every message has its answer. Returns whether that came before the timeout and the end.
    bool wait_answers();
    // Waits until at least so many messages have their answers.
    bool wait_answers(std::size_t count);
    // Writes the rest, closes the input, and waits for the end. Nothing if the program does not end in time.
    std::optional<handlers::ChildEnd> finish();
    // Waits for the end without closing the input first.
    bool wait_end();
    void terminate() { child_->terminate(); }  // SIGTERM to its process group

    const std::vector<Sent>& sent() const { return sent_; }
    const std::vector<Spoken>& spoken() const { return spoken_; }
    Abilities abilities() const;
    // What happened in place of the expected answer, and what its author can do. May close the input.
    struct Diagnosis {
        std::string came;
        std::string advice;
    };
    Diagnosis diagnose();

private:
    bool run_until(const std::function<bool()>& done, std::chrono::milliseconds timeout);
    void turn(int wait_ms);
    void read_some();
    void write_some();

    Program program_;
    std::unique_ptr<handlers::Child> child_;
    handlers::LineReader lines_{std::size_t{64} << 20};
    std::string unwritten_;
    std::size_t written_ = 0;  // in all
    std::vector<Sent> sent_;
    std::vector<Spoken> spoken_;
    bool output_closed_ = false;
    bool input_closed_ = false;
    std::uint64_t progress_ = 0;
};

}  // namespace volley::cli::conformance
