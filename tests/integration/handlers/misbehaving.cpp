// A handler that does what its messages say, for tests of what the engine makes of it: "crash" kills the
// process, "hang" never returns, "wait" waits until its result is not wanted any more, all else goes to every
// output. While a file named "outage" is there, nothing succeeds.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <thread>

#include "volley/plugin.hpp"

namespace {

class Misbehaving : public volley::Handler {
public:
    explicit Misbehaving(const volley::Context& context) : folder_(context.base_dir()) {}

    void handle(const volley::Message& message, volley::Outputs& outputs) override {
        const std::string_view body = message.body();
        if (body.find("crash") != std::string_view::npos) {
            std::signal(SIGSEGV, SIG_DFL);  // a sanitizer has one of its own
            std::raise(SIGSEGV);
        }
        while (body.find("hang") != std::string_view::npos)
            std::this_thread::sleep_for(std::chrono::hours(1));
        if (body.find("wait") != std::string_view::npos) {
            std::ofstream(folder_ / "waiting");
            while (!outputs.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
            std::ofstream(folder_ / "told");
            throw volley::RetryLater("its result is not wanted");
        }
        if (std::filesystem::exists(folder_ / "outage")) throw volley::RetryLater("what it needs is down");
        outputs.send_all(body);
    }

private:
    std::filesystem::path folder_;
};

}  // namespace

VOLLEY_PLUGIN("misbehaving", "1.0.0", VOLLEY_CLASS(Misbehaving));
