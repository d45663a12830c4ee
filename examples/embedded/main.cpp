// An engine inside a program: a configuration built in code, and a handler that is a lambda.
#include <iostream>
#include <volley/engine.hpp>

int main() {
    volley::EngineOptions options;
    options.config.emplace();
    options.config->app = "embedded";
    options.config->operations.enabled = false;
    options.config->queues.resize(2);
    options.config->queues[0].name = "in";
    options.config->queues[0].type = "memory";
    options.config->queues[0].config = R"({"generate": 1000})";
    options.config->queues[1].name = "out";
    options.config->queues[1].type = "memory";
    options.config->components.resize(1);
    options.config->components[0].input = "in";
    options.config->components[0].outputs = {"out"};
    options.handlers["in"] = [](const volley::Message& m, volley::Outputs& out) {
        out.send("out", m.body());
    };
    options.exit_when_idle = true;

    auto engine = volley::Engine::make(std::move(options));
    if (!engine) return std::cerr << engine.error().text, 78;
    const int code = (*engine)->run();
    std::cout << (*engine)->status().front().done << " done\n";
    return code;
}
