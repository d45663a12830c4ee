// An engine inside a program: a configuration built in code, and a handler that is a lambda.
#include <cstdio>
#include <string>
#include <volley/engine.hpp>

int main() {
    volley::Config config;
    config.app = "embedded";
    config.operations.enabled = false;
    for (const std::string name : {"in", "out"}) {
        volley::QueueConfig queue;
        queue.name = name;
        queue.type = "memory";
        if (name == "in") queue.config = R"({"generate": 1000})";
        config.queues.push_back(queue);
    }
    volley::ComponentConfig component;
    component.input = "in";
    component.outputs = {"out"};
    config.components.push_back(component);

    volley::EngineOptions options;
    options.config = config;
    options.exit_when_idle = true;
    options.handlers["in"] = [](const volley::Message& m, volley::Outputs& out) {
        out.send("out", m.body());
    };
    auto engine = volley::Engine::make(std::move(options));
    if (!engine) return std::fputs(engine.error().text.c_str(), stderr), 78;
    const int code = (*engine)->run();
    std::printf("%llu done\n", static_cast<unsigned long long>((*engine)->status().front().done));
    return code;
}
