// An engine between queues of this program, which count what each thread parses.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "codec/json.hpp"
#include "volley/engine.hpp"
#include "volley/plugin.hpp"

namespace {

constexpr int messages = 200;

struct Seen {
    std::mutex mutex;
    std::map<std::thread::id, std::uint64_t> parsed;  // by thread
    std::map<std::string, int> stored;
    int received = 0, acked = 0;
    bool packed = false;  // the input is msgpack
    bool huge = false;    // the first body is too large

    void look() { parsed[std::this_thread::get_id()] = volley::codec::parsed_texts; }
    std::uint64_t all_parsed() const {
        std::uint64_t sum = 0;
        for (const auto& [thread, count] : parsed) sum += count;
        return sum;
    }
};

Seen* seen = nullptr;

struct Numbers : volley::Consumer {
    static constexpr std::uint32_t max_open = 16;
    explicit Numbers(const volley::Context&) {}
    std::optional<volley::QueueMessage> consume(std::string_view) override {
        const std::lock_guard lock(seen->mutex);
        if (seen->received == messages) return std::nullopt;
        const std::string number = std::to_string(seen->received++);
        volley::QueueMessage m;
        m.message_context = number;
        // Includes short bodies: a text that a std::string stores inside itself moves with it.
        const bool small = number.size() == 2;
        m.message = seen->packed
                        ? (small ? "\x81" : "\x82") +
                              ("\xa1k" + std::string(1, static_cast<char>(0xa0 + number.size())) + number) +
                              (small ? ""
                                     : "\xa3"
                                       "far\xb8more than a string holds")
                        : R"({"k":")" + number + (small ? R"("})" : R"(","far":"more than a string holds"})");
        if (seen->huge && number == "0") m.message.append(2000, ' ');
        return m;
    }
    bool delete_message(std::string_view, std::string_view) override {
        const std::lock_guard lock(seen->mutex);
        seen->look();
        ++seen->acked;
        return true;
    }
    bool on_fail(std::string_view, std::string_view) override { return true; }
};

struct Store : volley::Producer {
    explicit Store(const volley::Context&) {}
    bool produce(std::string_view queue, std::string_view message, const volley::Options&) override {
        const std::lock_guard lock(seen->mutex);
        seen->look();
        ++seen->stored[std::string(queue) + " " + std::string(message)];
        return true;
    }
};

}  // namespace

VOLLEY_PLUGIN("numbers", "1.0.0", VOLLEY_CLASS(Numbers), VOLLEY_CLASS(Store));

namespace {

// Runs until every message is acked, for at most 30 s. Returns the exit code.
int run(const std::string& settings, const std::string& queues) {
    const std::string file = "parse_once." + std::to_string(getpid()) + ".yml";
    std::ofstream(file) << settings << "operations: off\nqueues:\n" << queues;
    volley::EngineOptions options;
    options.file = file;
    options.plugins = {{"numbers", volley_plugin_v1(nullptr, nullptr)}};
    options.log = false;
    auto engine = volley::Engine::make(std::move(options));
    std::remove(file.c_str());
    if (!engine) FAIL(engine.error().text);
    int code = -1;
    std::thread running([&] { code = (*engine)->run(); });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto acked = [] {
        const std::lock_guard lock(seen->mutex);
        return seen->acked;
    };
    while (acked() < messages && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    (*engine)->stop();
    running.join();
    return code;
}

}  // namespace

TEST_CASE("a body that is refused for its size leaves nothing behind for the next one") {
    Seen now;
    now.huge = true;
    seen = &now;
    CHECK(
        run("max_message_bytes: 1024\n",
            "  in: {type: numbers, key: /k}\n  even: {type: numbers}\ncomponents:\n"
            "  - {name: move, input: in, outputs: [even], handler: forward, order: key, on_fail: drop}\n") ==
        0);
    CHECK(now.acked == messages);
    CHECK(now.stored.size() == messages - 1);
}

TEST_CASE("a message is parsed once, though its key, a schema and another serializer look into it") {
    // With `order: none` the worker does everything. With `order: key` the intake looks up the key first.
    for (const std::string order : {"none", "key"}) {
        for (const std::string input : {"json", "msgpack"}) {
            Seen now;
            now.packed = input == "msgpack";
            seen = &now;
            INFO(order << ", " << input);
            CHECK(run("", "  in: {type: numbers, key: /k, schema: {type: object}, serializer: " + input + R"(}
  even: {type: numbers, schema: {required: [k]}}
  packed: {type: numbers, serializer: msgpack}
components:
  - {name: move, input: in, outputs: [even, packed], handler: forward, workers: 2, order: )" +
                              order + "}\n") == 0);
            CHECK(now.acked == messages);
            CHECK(now.stored.size() == 2 * messages);
            CHECK(now.stored.count(R"(even {"k":"10"})") == 1);
            CHECK(now.stored.count("packed \x81\xa1k\xa2"
                                   "10") == 1);
            CHECK(now.all_parsed() == messages);
        }
    }
}
