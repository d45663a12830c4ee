#include "support_bundle.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "archive.hpp"
#include "check/check.hpp"
#include "check/effective.hpp"
#include "config/load.hpp"
#include "config/secrets.hpp"
#include "engine_session.hpp"
#include "json_fields.hpp"
#include "plugins/search_path.hpp"
#include "queue_access.hpp"
#include "queues/times.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

constexpr std::streamoff longest_log = 1 << 20;

constexpr const char* read_me =
    "What `volley support-bundle` collected. Secrets are masked as ***: those of the configuration and of "
    "the\n"
    "environment, and values after names such as password, token or key. Bodies, keys and headers of "
    "messages are\n"
    "not in it; ids of messages, and the texts of errors, are.\n\n"
    "versions.txt             the programs and the system\n"
    "check.txt                what is wrong with the configuration file\n"
    "configuration.yml        the file's effective configuration\n"
    "plugins.txt              the plugins that are found\n"
    "why.txt                  why nothing moves\n"
    "status.json, configuration.json, log.json, …   what the running engine answers\n"
    "metrics.txt              its metrics\n"
    "log.txt                  the end of the log, with --log\n"
    "missing.txt              what could not be collected, and why\n";

// The files of the bundle, masked.
class Bundle {
public:
    explicit Bundle(std::int64_t now) : archive_(now) {}
    config::Secrets& secrets() { return secrets_; }
    void add(const std::string& name, const std::string& content) {
        archive_.add(name, secrets_.masked(content));
    }
    void miss(const std::string& what, const std::string& why) { missing_ += what + ": " + why + "\n"; }
    std::string finish() {
        if (!missing_.empty()) add("missing.txt", missing_);
        return archive_.gzip();
    }

private:
    Archive archive_;
    config::Secrets secrets_;
    std::string missing_;
};

std::string versions() {
    std::string text = std::string("volley ") + VOLLEY_VERSION + "\n";
    utsname system{};
    if (::uname(&system) == 0)
        text += std::string(system.sysname) + " " + system.release + " " + system.version + " " +
                system.machine + "\n";
    std::ifstream release("/etc/os-release");
    std::stringstream all;
    if (release) all << release.rdbuf();
    return text + "processors " + std::to_string(std::thread::hardware_concurrency()) + "\n" + all.str();
}

void add_configuration(Bundle& bundle, const std::string& file, const SupportBundle& options) {
    const auto loaded = config::load_file(file, config::environment());
    if (loaded.config) bundle.secrets().learn(*loaded.config);
    if (loaded.readable) bundle.secrets().learn(*loaded.readable);
    const auto checked = check::check_file(file, options.plugin_dirs, config::environment());
    bundle.add("check.txt",
               checked.diagnostics.empty()
                   ? "ok\n"
                   : config::render(checked.diagnostics, config::Format::text, config::Screen{}));
    const std::optional<Config>& config = loaded.config ? loaded.config : loaded.readable;
    if (!config) return bundle.miss("configuration.yml", file + " cannot be read; check.txt says why");
    plugins::Catalog catalog(plugins::search_path(options.plugin_dirs, *config));
    bundle.add("configuration.yml", config::print(check::effective(*config, catalog, config::environment())));
    bundle.add("plugins.txt", check::render_plugins(catalog));
}

void add_whys(Bundle& bundle, const EngineSession& session) {
    std::string text;
    for (const rapidjson::Value* component : list_of(&session.status(), "components")) {
        const std::string why = string_of(component, "why");
        if (!why.empty()) text += string_of(component, "name") + ": " + why + "\n";
    }
    bundle.add("why.txt", text.empty() ? "nothing stands still: all components are ready\n" : text);
}

void add_engine(Bundle& bundle, const std::string& file, const SupportBundle& options) {
    auto address = engine_address(file, options.address);
    if (!address) return bundle.miss("the running engine", address.error().text);
    EngineSession session{EngineClient(std::move(*address))};
    const auto status = session.client().get("/api/v1/status");
    if (const auto [code, wrong] = session.wrong_with(status); code != exit_ok)
        return bundle.miss("the running engine", wrong);
    if (session.look_who_answers() != exit_ok) return bundle.miss("the running engine", "it is another one");
    add_whys(bundle, session);
    for (const char* what :
         {"status", "configuration", "components", "queues", "in_flight", "log", "audit"}) {
        const auto answer = session.client().get(std::string("/api/v1/") + what);
        if (const auto [code, wrong] = session.wrong_with(answer); code != exit_ok)
            bundle.miss(std::string(what) + ".json", wrong);
        else
            bundle.add(std::string(what) + ".json", answer->body);
    }
    const auto metrics = session.client().get("/metrics");
    if (const auto [code, wrong] = session.wrong_with(metrics); code != exit_ok)
        bundle.miss("metrics.txt", wrong);
    else
        bundle.add("metrics.txt", metrics->body);
}

void add_log(Bundle& bundle, const std::string& file) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    const std::streamoff size = in ? static_cast<std::streamoff>(in.tellg()) : -1;
    if (size < 0) return bundle.miss("log.txt", "cannot read " + file);
    const std::streamoff from = std::max<std::streamoff>(size - longest_log, 0);
    in.seekg(from);
    std::string text(static_cast<std::size_t>(size - from), '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
    // Half a line could be half a secret.
    if (from > 0) text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
    bundle.add("log.txt", text);
}

// Only for the user's own eyes, and never over another file.
int write_new(const std::string& file, const std::string& content) {
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        say("cannot write " + file + ": " + std::strerror(errno));
        return exit_cannot_create;
    }
    std::size_t done = 0;
    int failure = 0;
    while (done < content.size() && failure == 0) {
        const ssize_t n = ::write(descriptor, content.data() + done, content.size() - done);
        if (n > 0)
            done += static_cast<std::size_t>(n);
        else if (errno != EINTR)
            failure = errno;
    }
    if (::close(descriptor) != 0 && failure == 0) failure = errno;
    if (failure == 0) return exit_ok;
    ::unlink(file.c_str());
    say("cannot write " + file + ": " + std::strerror(failure));
    return exit_cannot_create;
}

}  // namespace

int support_bundle(const std::string& config_file, const SupportBundle& options) {
    const std::int64_t now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    Bundle bundle(now);
    add_configuration(bundle, config_file, options);  // first: it knows the secrets
    bundle.add("README.txt", read_me);
    bundle.add("versions.txt", versions());
    add_engine(bundle, config_file, options);
    if (!options.log.empty()) add_log(bundle, options.log);
    std::string file = options.out;
    if (file.empty()) {
        file = "volley-support-" + queues::utc_time(static_cast<double>(now)) + ".tar.gz";
        file.erase(std::remove(file.begin(), file.end(), ':'), file.end());
    }
    const int code = write_new(file, bundle.finish());
    if (code == exit_ok) print_bytes(file);
    return code;
}

}  // namespace volley::cli
