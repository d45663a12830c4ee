// The engine that `volley bench` measures: one that runs already, or one that it starts. Thread: one at a
// time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine_session.hpp"
#include "latencies.hpp"
#include "volley/config.hpp"

namespace volley::cli {

// A process of volleyd that ends with this object.
class OwnEngine {
public:
    // Starts it with the configuration. Its log goes to a temporary file. Errors: retry.
    static Result<std::unique_ptr<OwnEngine>> start(const std::string& config_file,
                                                    const std::vector<std::string>& plugin_dirs);
    ~OwnEngine();
    OwnEngine(const OwnEngine&) = delete;
    OwnEngine& operator=(const OwnEngine&) = delete;

    // Where it listens, once its log says so.
    std::optional<std::string> address() const;
    // Returns the exit code, or 128 and the signal, once it has ended.
    std::optional<int> ended();
    // Lets it drain and end. Returns as ended().
    int stop();
    // The end of its log, at most so many lines.
    std::string log_tail(std::size_t lines) const;

private:
    OwnEngine() = default;
    pid_t pid_ = -1;
    std::optional<int> code_;
    std::string log_;  // a path
};

// What a component has done since it started, and what its process uses.
struct BenchFigures {
    std::uint64_t received = 0;
    std::uint64_t ok = 0;
    std::uint64_t dead = 0;
    std::uint64_t dropped = 0;
    std::uint64_t retries = 0;
    std::uint64_t in_flight = 0;
    double last_success_at = 0;  // Unix time; 0: never
    std::string why;             // why it is not ready; empty: it is

    std::uint64_t settled() const { return ok + dead + dropped; }
};

struct BenchUse {
    double cpu_seconds = 0;
    std::uint64_t resident_bytes = 0;
};

class BenchEngine {
public:
    // The engine that answers; if none does, one that is started, once it is ready. Nothing after saying what
    // is wrong, with the exit code in `code`.
    static std::optional<BenchEngine> reach(const Config& config, const std::string& config_file,
                                            const std::string& address,
                                            const std::vector<std::string>& plugin_dirs, int& code);

    bool is_own() const { return own_ != nullptr; }
    std::string where() const { return session_.client().where(); }
    // Errors: retry, if it does not answer; config, if it has no such component.
    Result<BenchFigures> figures(const std::string& component) const;
    Result<BenchUse> use() const;
    Result<Latencies> latencies(const std::string& component) const;
    // Ends an engine of our own. Returns what is wrong with its end, or nothing.
    std::optional<std::string> stop();

private:
    explicit BenchEngine(EngineSession session) : session_(std::move(session)) {}
    Result<rapidjson::Document> ask(const std::string& path) const;

    EngineSession session_;
    std::unique_ptr<OwnEngine> own_;
};

}  // namespace volley::cli
