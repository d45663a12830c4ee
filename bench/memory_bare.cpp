// bench_memory_bare PLUGIN_DIR COUNT: what a forward from memory to memory costs without an engine: consume a
// batch, produce it, settle it, in one thread, through the same connector. Prints the seconds it took.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "plugins/instance.hpp"

namespace {

template <typename Value>
Value need(volley::Result<Value> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "%s\n", result.error().text.c_str());
    std::exit(1);
}
void need(const volley::Result<void>& result) {
    if (result) return;
    std::fprintf(stderr, "%s\n", result.error().text.c_str());
    std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    using namespace volley;
    if (argc != 3) return 64;
    const std::string count = argv[2];
    plugins::Catalog catalog({argv[1]});
    auto consumer =
        need(plugins::Consumer::create(need(catalog.find(plugins::Kind::consumer, "memory.so", "/")), {},
                                       "{\"generate\": " + count + ", \"body_bytes\": 128}", "in", "/"));
    auto producer = need(plugins::Producer::create(
        need(catalog.find(plugins::Kind::producer, "memory.so", "/")), {}, R"({"discard": true})", "out", "/",
        [](void*, const volley_report*, std::uint32_t, std::uint32_t) {}, nullptr));
    need(producer.open());
    need(consumer.open());
    constexpr std::uint32_t most = 512;
    std::vector<volley_message> messages(most);
    std::vector<volley_record> records(most);
    std::vector<volley_settlement> settlements(most);
    volley_batch batch{};
    batch.struct_size = sizeof batch;
    batch.message_size = sizeof(volley_message);
    batch.messages = messages.data();
    batch.capacity = most;
    const auto begin = std::chrono::steady_clock::now();
    for (std::int32_t status = VOLLEY_OK; status != VOLLEY_END;) {
        messages.assign(most, volley_message{});
        status = need(consumer.consume(batch, 0));
        for (std::uint32_t i = 0; i < batch.count; ++i) {
            records[i] = {};
            records[i].body = messages[i].body;
            records[i].partition = -1;
            settlements[i] = {};
            settlements[i].handle = messages[i].handle;
        }
        std::uint32_t accepted = 0;
        if (batch.count > 0) {
            static_cast<void>(need(producer.produce(records.data(), batch.count, accepted)));
            need(consumer.settle(settlements.data(), batch.count));
        }
    }
    std::printf("%f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}
