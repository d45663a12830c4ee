#include "init_choices.hpp"

#include "config/diagnostics.hpp"

namespace volley::cli {

namespace {

// The first is the default.
constexpr HandlerChoice handlers[] = {
    {"python", "ship.py, on volley_handler.py; needs Python 3.9 or later", "Python 3.9 or later", "",
     "python3 -m unittest",
     "    # The handler: a program that volleyd starts in this folder, one for each worker.\n"
     "    handler: {exec: [python3, ship.py]}",
     "ship.py", true, false},
    {"node", "handle.mjs, on volley-handler.mjs; needs Node.js 18 or later", "Node.js 18 or later", "",
     "node --test",
     "    # The handler: a program that volleyd starts in this folder, one for each worker.\n"
     "    handler: {exec: [node, ship.mjs]}",
     "handle.mjs", true, false},
    {"go", "handle.go, on the protocol, without dependencies; needs Go 1.18 or later", "Go 1.18 or later",
     "go build", "go test",
     "    # The handler: a program that volleyd starts in this folder, one for each worker.\n"
     "    handler: {exec: [./ship]}",
     "handle.go", true, false},
    {"rust", "src/handle.rs, on the protocol, without dependencies; needs Rust 1.65 or later",
     "Rust 1.65 or later", "cargo build --release", "cargo test",
     "    # The handler: a program that volleyd starts in this folder, one for each worker.\n"
     "    handler: {exec: [./target/release/ship]}",
     "src/handle.rs", true, false},
    {"c++", "ship.cpp, a class in a shared object; needs CMake, C++17 and the headers of Volley",
     "CMake 3.25 or later, a compiler for C++17, and an installed Volley",
     "cmake -B build\ncmake --build build", "sh test.sh",
     "    # The handler: a class in a shared object, which volleyd loads.\n"
     "    handler: build/ship.so:Ship",
     "ship.cpp", false, true},
    {"c", "ship.c, a class in a shared object; needs CMake, a C compiler and the header of Volley",
     "CMake 3.25 or later, a compiler for C11, and an installed Volley",
     "cmake -B build\ncmake --build build", "sh test.sh",
     "    # The handler: a class in a shared object, which volleyd loads.\n"
     "    handler: build/ship.so:Ship",
     "ship.c", false, true},
    {"forward", "no program: each message is sent on as it is", "nothing but Volley for the handler", "", "",
     "    # The handler: forward sends each message on as it is.\n"
     "    handler: forward",
     "", false, false},
};

constexpr ConnectorChoice connectors[] = {
    {"sqlite", "queues in the file volley.db; no server", "{path: volley.db}"},
    {"kafka", "topics of Kafka, at KAFKA_BROKERS or localhost:9092",
     "{bootstrap.servers: \"${KAFKA_BROKERS:-localhost:9092}\"}"},
    {"rsmq", "RSMQ queues in Redis, at REDIS_HOST and REDIS_PORT or localhost:6379",
     "{host: \"${REDIS_HOST:-localhost}\", port: \"${REDIS_PORT:-6379}\"}"},
};

template <typename Choice>
std::string listed(std::span<const Choice> choices) {
    constexpr std::size_t column = 10;
    std::string out;
    for (const Choice& choice : choices) {
        out += "  " + std::string(choice.name);
        out.append(column - choice.name.size(), ' ');
        out += std::string(choice.summary) + "\n";
    }
    return out;
}

}  // namespace

std::span<const HandlerChoice> handler_choices() { return handlers; }

std::span<const ConnectorChoice> connector_choices() { return connectors; }

std::string listed_names(const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    return all;
}

std::string unknown_choice(std::string_view option, std::string_view given,
                           const std::vector<std::string>& known) {
    const std::string near = config::nearest(given, known);
    return std::string(option) + " must be one of " + listed_names(known) + ", not " +
           config::in_quotes(given) + (near.empty() ? std::string() : "; did you mean \"" + near + "\"?");
}

std::string list_choices() {
    return "--handler\n" + listed(handler_choices()) + "\n--from, --to\n" + listed(connector_choices());
}

}  // namespace volley::cli
