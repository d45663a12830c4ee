// Runs the engine, all of it, with connectors and a handler that are models (store.hpp) behind the real C
// ABI, on virtual threads and in virtual time (fibers.hpp). One seed chooses the configuration, the faults
// and the order of all steps, so the same seed gives the same run. What the engine promises is checked all
// along.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "fibers.hpp"
#include "store.hpp"
#include "volley/engine.hpp"
#include "world.hpp"

namespace simulation {

struct Summary {
    std::optional<std::string> broken;  // which promise, and when
    std::uint64_t steps = 0;
    std::uint64_t crashes = 0;
    std::uint64_t stops = 0;
    std::uint64_t rebalances = 0;
    std::uint64_t reloads = 0;
    std::uint64_t duplicates = 0;
    std::string scenario;
    // Of a run with a breach.
    bool is_breached = false;
    bool has_ended = false;  // the component, with exit 70
    std::string text;        // … and why
};

class Simulator {
public:
    explicit Simulator(std::uint64_t seed);
    ~Simulator();
    Simulator(const Simulator&) = delete;
    Simulator& operator=(const Simulator&) = delete;

    // `traced`: the message whose events are printed; -1 none.
    Summary run(int traced);
    // The plugin breaks the contract once.
    Summary run_hostile(Breach breach, int traced);

private:
    void boot();
    void step();
    void run_something();
    void disturb();
    void drive_to_end(const char* what);
    void end_process(bool crashed);
    void crash();
    void stop();
    void begin_outage();
    void check_always();
    void finish();
    void heal();
    void write_file();
    void reload();

    std::uint64_t seed_;
    Random random_;
    Fibers fibers_;
    World world_;
    Summary summary_;
    std::unique_ptr<Process> process_;
    std::unique_ptr<volley::Engine> engine_;
    std::string file_;
    volley::Milliseconds shutdown_timeout_{0};
    std::uint64_t engine_fiber_ = 0;
    int exit_code_ = 0;
};

}  // namespace simulation
