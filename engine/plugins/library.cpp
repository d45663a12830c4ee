#include "plugins/library.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "plugins/elf.hpp"
#include "plugins/host.hpp"

namespace volley::plugins {

namespace {

using Identity = std::pair<dev_t, ino_t>;

// What a loaded file needs until the process ends.
struct Loaded {
    boost::dll::shared_library library;
    std::unique_ptr<detail::Host> host;
    std::unique_ptr<Description> description;  // null: error says why
    std::optional<Error> error;
};

struct Registry {
    std::mutex mutex;
    std::map<Identity, Loaded*> loaded;
};

// Never destroyed: a plugin is never unloaded, and its threads may outlive main.
Registry& registry() {
    static Registry& r = *new Registry;
    return r;
}

// Whoever may write the file, or replace it in its directory, would run code as root.
Result<void> check_owner_alone_writes(const std::filesystem::path& file, const struct stat& status) {
    if (::geteuid() != 0) return {};
    if ((status.st_mode & S_IWOTH) != 0)
        return Error(ErrorCode::config,
                     file.string() +
                         ": every user may write this file, and volleyd runs as root. Run `chmod o-w " +
                         file.string() + "`, or run volleyd as another user");
    const std::string directory = file.parent_path().string();
    struct stat around {};
    if (::stat(directory.empty() ? "." : directory.c_str(), &around) != 0) return {};
    if ((around.st_mode & S_IWOTH) != 0 && (around.st_mode & S_ISVTX) == 0)
        return Error(ErrorCode::config,
                     file.string() +
                         ": every user may replace this file, and volleyd runs as root. Run `chmod o-w " +
                         directory + "`, or run volleyd as another user");
    return {};
}

// Boost throws, because it has no other way to pass on dlerror's text.
Result<void> open_library(boost::dll::shared_library& library, const std::filesystem::path& file) {
    try {
        library.load(file, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
        return {};
    } catch (const std::exception& e) {
        return Error(ErrorCode::config, file.string() + ": cannot be loaded: " + e.what());
    }
}

// The last draft has the layout of version 1.0.
constexpr const char* last_draft = "volley_plugin_v0";

Error no_entry(const boost::dll::shared_library& library, const std::string& file) {
    for (int major = 2; major <= 9; ++major) {
        const std::string number = std::to_string(major);
        if (!library.has("volley_plugin_v" + number)) continue;
        return {ErrorCode::config, file + ": built for ABI " + number + "; this volleyd speaks " +
                                       std::to_string(VOLLEY_ABI_MAJOR) +
                                       ": upgrade volleyd, or rebuild the plugin"};
    }
    return {ErrorCode::config,
            file + ": no Volley plugin: it does not export " VOLLEY_ENTRY_SYMBOL
                   ". Build it with volley_add_plugin() and VOLLEY_PLUGIN(…), or correct the file name"};
}

Result<std::unique_ptr<Description>> call_entry(const Loaded& loaded, const std::string& file) {
    const char* symbol = VOLLEY_ENTRY_SYMBOL;
    if (!loaded.library.has(symbol)) symbol = last_draft;
    if (!loaded.library.has(symbol)) return no_entry(loaded.library, file);
    const auto entry = reinterpret_cast<volley_plugin_entry>(
        &loaded.library.get<const volley_plugin*(const volley_host*, volley_error*)>(symbol));
    volley_error error{};
    error.struct_size = sizeof error;
    const volley_plugin* plugin = entry(loaded.host->get(), &error);
    if (plugin == nullptr)
        return Error(ErrorCode::config, file + ": the plugin refuses to start: " +
                                            (error.text[0] != '\0' ? error.text : "it gives no reason"));
    return describe(*plugin, file);
}

}  // namespace

Result<const Description*> load_library(const std::filesystem::path& file) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0)
        return Error(ErrorCode::config, file.string() + ": cannot be read: " + std::strerror(errno));
    Registry& r = registry();
    const std::lock_guard lock(r.mutex);
    const Identity identity{status.st_dev, status.st_ino};
    if (const auto it = r.loaded.find(identity); it != r.loaded.end()) {
        if (it->second->error) return *it->second->error;
        return it->second->description.get();
    }
    if (auto safe = check_owner_alone_writes(file, status); !safe) return safe.error();
    if (is_cut_off(file))
        return Error(ErrorCode::config, file.string() + ": its end is missing. Is it still being copied?");
    auto loaded = std::make_unique<Loaded>();
    if (auto opened = open_library(loaded->library, file); !opened) return opened.error();
    loaded->host = std::make_unique<detail::Host>(file.filename().string(), Services{}, "{}", "",
                                                  file.parent_path().string());
    // From here on, code of the plugin runs. Whatever the result, the file stays loaded, and its entry
    // function is not called again.
    Loaded* kept = r.loaded[identity] = loaded.release();
    auto described = call_entry(*kept, file.string());
    if (!described) {
        kept->error = described.error();
        return *kept->error;
    }
    kept->description = std::move(*described);
    return kept->description.get();
}

}  // namespace volley::plugins
