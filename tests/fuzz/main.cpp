// Runs the fuzz target over files and folders of them, each also cut short and with single bytes changed by a
// fixed rule: the stored corpus as a test, where no fuzzer is at hand.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::size_t runs = 0;

void run(const std::string& text) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    ++runs;
}

void run_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream content;
    content << in.rdbuf();
    const std::string text = content.str();
    run(text);
    const std::size_t step = text.size() / 40 + 1;
    for (std::size_t at = 0; at < text.size(); at += step) {
        run(text.substr(0, at));
        for (const char odd : {'\t', '{', ']', '"', ':', '-', '&', '\n', '\0', '\xff', '$', '?', '|', '!'}) {
            std::string changed = text;
            changed[at] = odd;
            run(changed);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        if (!fs::is_directory(argv[i])) {
            run_file(argv[i]);
            continue;
        }
        for (const auto& entry : fs::directory_iterator(argv[i])) {
            const auto kind = entry.path().extension();
            if (kind == ".yml" || kind == ".bin") run_file(entry.path());
        }
    }
    std::printf("%zu inputs\n", runs);
    return runs > 0 ? 0 : 1;
}
