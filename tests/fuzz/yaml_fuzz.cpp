// Any bytes as a configuration: the reader ends, and says where what is wrong. Nothing of the machine is
// read: no variable is set, and the folder of the configuration does not exist.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.hpp"
#include "config/migrate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto loaded = volley::config::load_text(
        text, "fuzz.yml", "/nonexistent", [](const std::string&) { return std::optional<std::string>(); });
    if (loaded.config.has_value() == volley::config::has_errors(loaded.diagnostics)) std::abort();
    for (const auto format : {volley::config::Format::text, volley::config::Format::json}) {
        if (volley::config::render(loaded.diagnostics, format).size() > (1U << 26U)) std::abort();
    }
    if (loaded.config) volley::config::print(*loaded.config);
    const auto migrated = volley::config::migrate(text, "fuzz.yml");
    if (!migrated.yaml.empty() && volley::config::has_errors(migrated.told)) std::abort();
    return 0;
}
