// A handler that does what its messages say, for tests of what the engine makes of it: "crash" kills the
// process, "hang" never returns, all else goes to every output. While a file named "outage" is there, nothing
// succeeds.
#include <csignal>
#include <filesystem>
#include <string_view>
#include <thread>

#include "volley/plugin.hpp"

namespace {

class Trouble : public volley::Handler {
public:
    explicit Trouble(const volley::Context& context) : outage_(std::string(context.base_dir()) + "/outage") {}

    void handle(const volley::Message& message, volley::Outputs& outputs) override {
        const std::string_view body = message.body();
        if (body.find("crash") != std::string_view::npos) {
            std::signal(SIGSEGV, SIG_DFL);  // a sanitizer has one of its own
            std::raise(SIGSEGV);
        }
        while (body.find("hang") != std::string_view::npos)
            std::this_thread::sleep_for(std::chrono::hours(1));
        if (std::filesystem::exists(outage_)) throw volley::RetryLater("what it needs is down");
        outputs.send_all(body);
    }

private:
    std::filesystem::path outage_;
};

}  // namespace

VOLLEY_PLUGIN("trouble", "1.0.0", VOLLEY_CLASS(Trouble));
