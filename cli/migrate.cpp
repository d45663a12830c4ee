#include "migrate.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "config/migrate.hpp"
#include "queue_access.hpp"

namespace volley::cli {

int migrate(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) {
        std::fprintf(stderr, "volley: cannot read %s: %s\n", path.c_str(), std::strerror(errno));
        return exit_config;
    }
    const auto migrated = config::migrate(text.str(), path);
    const std::string told = config::render(migrated.told, config::Format::text,
                                            config::screen_of(STDERR_FILENO), migrated.told.size());
    std::fputs(told.c_str(), stderr);
    if (config::has_errors(migrated.told)) return exit_config;
    std::fputs(migrated.yaml.c_str(), stdout);
    return exit_ok;
}

}  // namespace volley::cli
