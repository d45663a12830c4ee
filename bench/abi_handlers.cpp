// The same work, behind each door: a function of a shared object, a handler's table of the ABI, and the two
// handlers of the SDK. bench_abi calls them.
#include <cstring>
#include <volley/plugin.hpp>

namespace {

std::uint64_t sum = 0;

void work(const volley_view& body) {
    std::uint64_t first = 0;
    std::memcpy(&first, body.data, sizeof first);
    sum += first;
}

struct One : volley::Handler {
    explicit One(const volley::Context&) {}
    void handle(const volley::Message& message, volley::Outputs&) override { work(message.raw().body); }
};

struct Many : volley::BatchHandler {
    explicit Many(const volley::Context&) {}
    void handle(std::vector<volley::BatchItem>& batch) override {
        for (volley::BatchItem& item : batch) work(item.message().raw().body);
    }
};

}  // namespace

VOLLEY_PLUGIN("bench_abi", "1.0.0", VOLLEY_CLASS(One), VOLLEY_CLASS(Many));
