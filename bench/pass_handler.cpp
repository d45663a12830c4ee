// A handler that does nothing but pass its message on: what a C++ handler costs.
#include <volley/plugin.hpp>

struct Pass : volley::Handler {
    explicit Pass(const volley::Context&) {}
    void handle(const volley::Message& message, volley::Outputs& out) override {
        out.send("out", message.body());
    }
};

VOLLEY_PLUGIN("bench_pass", "1.0.0", VOLLEY_CLASS(Pass));
