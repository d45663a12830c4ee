// A component: one input, one handler, its outputs, and the threads that run them.
#pragma once

#include <memory>
#include <string>

#include "plugins/catalog.hpp"
#include "runtime/intake.hpp"
#include "runtime/pipeline.hpp"
#include "runtime/schedule.hpp"
#include "volley/config.hpp"

namespace volley::runtime {

// A handler that is part of the program: static functions in the ABI's table, and the configuration they get.
struct BuiltInHandler {
    const volley_handler_class* functions = nullptr;
    std::string config = "{}";
    std::string label;
    bool in_process = false;  // it can crash the process
    bool is_async = false;    // VOLLEY_ASYNC
};

class Component {
public:
    // Finds the connectors, creates their instances without opening them, and checks their abilities against
    // the configuration. `built_in` is for handlers that are not plugins; if its functions are null, the
    // handler is forward or the library that the configuration names. Errors: config, with a text that says
    // what to do.
    static Result<std::unique_ptr<Component>> make(const Config& config, const ComponentConfig& component,
                                                   plugins::Catalog& catalog, const BuiltInHandler& built_in,
                                                   IntakeOptions options);
    ~Component();
    Component(const Component&) = delete;
    Component& operator=(const Component&) = delete;

    // Starts the intake thread.
    void start();
    // Joins the intake thread. Call it after ended(). A component whose handler hangs must not be destroyed:
    // see Intake::hung.
    void join();

    Intake& intake() { return *intake_; }
    const Intake& intake() const { return *intake_; }
    const std::string& name() const { return pipeline_.config.name; }

private:
    Component() = default;
    Result<void> make_input(const Config& config, plugins::Catalog& catalog,
                            std::optional<plugins::Consumer>& consumer);
    Result<std::unique_ptr<OutputQueue>> make_output_queue(const Config& config, plugins::Catalog& catalog,
                                                           const QueueConfig& queue, bool dead_letters);
    Result<void> make_handler(plugins::Catalog& catalog, const BuiltInHandler& built_in);
    Result<void> make_decoder(codec::Encoding encoding);

    Pipeline pipeline_;
    std::unique_ptr<Intake> intake_;
    Thread thread_;
};

// Returns the core's options for a component whose input is a log (`log`) or a queue.
delivery::Options core_options(const ComponentConfig& component, bool log, bool ordered_outputs);

}  // namespace volley::runtime
