#include "migrate.hpp"

#include <unistd.h>

#include <cstdio>

#include "config/migrate.hpp"
#include "config/read_file.hpp"
#include "queue_access.hpp"

namespace volley::cli {

namespace {

constexpr std::size_t largest_file = 16 << 20;  // bytes

}  // namespace

int migrate(const std::string& path) {
    const auto read = config::read_file(path, largest_file);
    if (!read.text) {
        std::fprintf(stderr, "volley: cannot read %s: %s\n", path.c_str(), read.why.c_str());
        return exit_config;
    }
    const auto migrated = config::migrate(*read.text, path);
    const std::string told = config::render(migrated.told, config::Format::text,
                                            config::screen_of(STDERR_FILENO), migrated.told.size());
    std::fputs(told.c_str(), stderr);
    if (config::has_errors(migrated.told)) return exit_config;
    std::fputs(migrated.yaml.c_str(), stdout);
    return exit_ok;
}

}  // namespace volley::cli
