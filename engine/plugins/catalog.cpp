#include "plugins/catalog.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "log/log.hpp"
#include "plugins/description.hpp"
#include "plugins/library.hpp"
#include "plugins/nearest.hpp"

namespace volley::plugins {

namespace fs = std::filesystem;

namespace {

struct Spec {
    std::string file;
    std::string class_name;  // empty: the file's only class of the kind
};

Spec parse_spec(std::string_view spec) {
    const std::size_t colon = spec.rfind(':');
    if (colon == std::string_view::npos || spec.find('/', colon) != std::string_view::npos)
        return {std::string(spec), {}};
    return {std::string(spec.substr(0, colon)), std::string(spec.substr(colon + 1))};
}

bool is_file(const fs::path& path) {
    std::error_code no;
    return fs::is_regular_file(path, no);  // loading a FIFO would wait for its writer
}

std::vector<std::string> shared_objects_in(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code unreadable;  // a missing directory has no plugins
    for (fs::directory_iterator it(directory, unreadable), end; !unreadable && it != end;
         it.increment(unreadable))
        if (it->path().extension() == ".so" && is_file(it->path()))
            names.push_back(it->path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

PluginClass class_of(const Description& description, const volley_class* c, std::string file) {
    return {c, &description.plugin, std::move(file)};
}

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

std::string listed(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

// Returns the class of the file that `spec` names.
Result<PluginClass> select_class(const Description& description, const std::string& file, Kind kind,
                                 const Spec& spec) {
    std::vector<const volley_class*> of_kind;
    std::vector<std::string> names, others;
    for (const auto& c : description.classes) {
        const bool fits = c->head.kind == abi_kind(kind);
        if (fits) of_kind.push_back(&c->head);
        (fits ? names : others)
            .push_back((fits ? "" : std::string(kind_name(c->head.kind)) + " ") + c->head.name);
    }
    const std::string word = kind_name(abi_kind(kind));
    if (of_kind.empty())
        return Error(ErrorCode::config, file + " has no " + word + "; it has: " +
                                            (others.empty() ? "no class at all" : listed(others)));
    if (spec.class_name.empty()) {
        if (of_kind.size() == 1) return class_of(description, of_kind.front(), file);
        return Error(ErrorCode::config, file + " has more than one " + word + ": " + listed(names) +
                                            ". Say which: \"" + spec.file + ":" + names.front() + "\"");
    }
    const auto it = std::find(names.begin(), names.end(), spec.class_name);
    if (it != names.end())
        return class_of(description, of_kind[static_cast<std::size_t>(it - names.begin())], file);
    return Error(ErrorCode::config, file + " has no " + word + " \"" + spec.class_name + "\"; it has: " +
                                        listed(names) + did_you_mean(spec.class_name, names));
}

struct Linked {
    std::string file;  // the name that finds it: "memory.so"
    const Description* description;
};

// Returns the description of a linked-in plugin. It lives as long as the process, like that of a loaded file.
Result<const Description*> describe_once(const volley_plugin* plugin, const std::string& file) {
    static std::mutex mutex;
    static auto& kept = *new std::map<const volley_plugin*, std::unique_ptr<Description>>;
    const std::lock_guard lock(mutex);
    if (const auto it = kept.find(plugin); it != kept.end()) return it->second.get();
    auto described = describe(*plugin, file);
    if (!described) return described.error();
    return (kept[plugin] = std::move(*described)).get();
}

}  // namespace

std::string PluginClass::label() const { return file_name(file) + ":" + description->name; }

struct Catalog::State {
    std::vector<fs::path> directories;
    std::vector<Linked> linked;
    std::set<std::string> warned;  // shadowed files that were logged

    Result<fs::path> locate(Kind kind, const std::string& file, const fs::path& base_dir);
    // Is there a file of this name, or one that is linked in?
    bool has(const std::string& file) const;
    // Is it a plugin without a class of this kind? Requires: has(file).
    bool lacks(Kind kind, const std::string& file);
    void log_shadowed(const std::string& name, const fs::path& taken);
    Error not_found(Kind kind, const std::string& file, const std::vector<fs::path>& searched) const;
};

void Catalog::State::log_shadowed(const std::string& name, const fs::path& taken) {
    for (const fs::path& directory : directories) {
        const fs::path other = directory / name;
        std::error_code gone;
        if (other == taken || !is_file(other) || fs::equivalent(other, taken, gone)) continue;
        if (warned.insert(other.string()).second)
            log::info("a plugin shadows another of the same name",
                      {{"taken", taken.native()}, {"shadowed", other.native()}});
    }
}

Error Catalog::State::not_found(Kind kind, const std::string& file,
                                const std::vector<fs::path>& searched) const {
    std::vector<std::string> names, places;
    for (const Linked& l : linked) names.push_back(l.file);
    for (const fs::path& directory : searched) {
        places.push_back(directory.string());
        for (std::string& name : shared_objects_in(directory)) names.push_back(std::move(name));
    }
    std::string text = "no file " + file + " for a " + kind_name(abi_kind(kind)) + did_you_mean(file, names);
    text += "\nSearched: " + (places.empty() ? "nowhere, no directory is set" : listed(places)) +
            ". Set plugin_dirs, VOLLEY_PLUGIN_PATH or --plugin-dir, or write a path";
    return {ErrorCode::config, text};
}

bool Catalog::State::has(const std::string& file) const {
    return std::any_of(linked.begin(), linked.end(), [&](const Linked& l) { return l.file == file; }) ||
           std::any_of(directories.begin(), directories.end(),
                       [&](const fs::path& directory) { return is_file(directory / file); });
}

bool Catalog::State::lacks(Kind kind, const std::string& file) {
    const Description* description = nullptr;
    for (const Linked& l : linked) {
        if (l.file == file) description = l.description;
    }
    if (description == nullptr) {
        const auto path = locate(kind, file, {});
        const auto loaded = path ? load_library(*path) : path.error();
        if (!loaded) return false;
        description = *loaded;
    }
    return std::none_of(description->classes.begin(), description->classes.end(),
                        [&](const auto& c) { return c->head.kind == abi_kind(kind); });
}

Result<fs::path> Catalog::State::locate(Kind kind, const std::string& file, const fs::path& base_dir) {
    if (file.empty())
        return Error(ErrorCode::config, "the file of a plugin is missing; write \"file.so:Class\"");
    if (file.find('/') != std::string::npos) {
        const fs::path path = (base_dir / file).lexically_normal();  // an absolute `file` replaces base_dir
        if (is_file(path)) return path;
        return Error(ErrorCode::config,
                     "no file " + path.string() +
                         did_you_mean(path.filename().string(), shared_objects_in(path.parent_path())));
    }
    std::vector<fs::path> searched;
    if (kind == Kind::handler) searched.push_back(base_dir);
    searched.insert(searched.end(), directories.begin(), directories.end());
    for (const fs::path& directory : searched) {
        const fs::path path = directory / file;
        if (!is_file(path)) continue;
        log_shadowed(file, path);
        return path;
    }
    return not_found(kind, file, searched);
}

Catalog::Catalog(std::vector<fs::path> directories) : state_(std::make_unique<State>()) {
    state_->directories = std::move(directories);
}
Catalog::~Catalog() = default;
Catalog::Catalog(Catalog&&) noexcept = default;
Catalog& Catalog::operator=(Catalog&&) noexcept = default;

Result<PluginClass> Catalog::find(Kind kind, std::string_view text, const fs::path& base_dir) {
    const Spec spec = parse_spec(text);
    for (const Linked& l : state_->linked)
        if (l.file == spec.file) return select_class(*l.description, l.file, kind, spec);
    auto path = state_->locate(kind, spec.file, base_dir);
    if (!path) return path.error();
    auto loaded = load_library(*path);
    if (!loaded) return loaded.error();
    return select_class(**loaded, path->string(), kind, spec);
}

Result<PluginClass> Catalog::find_for_type(Kind kind, const std::string& type, const fs::path& base_dir) {
    const std::string own = type + "-" + kind_name(abi_kind(kind));
    std::optional<Error> other_kinds;  // of the first file that has no class of this kind
    for (const std::string& name : {type, "lib" + type, own, "lib" + own}) {
        const std::string file = name + ".so";
        if (!state_->has(file)) continue;
        auto found = find(kind, file, base_dir);
        if (found || !state_->lacks(kind, file)) return found;
        if (!other_kinds) other_kinds = found.error();
    }
    if (!other_kinds) return find(kind, type + ".so", base_dir);  // fails, and says where was searched
    other_kinds->text += ". The " + std::string(kind_name(abi_kind(kind))) +
                         " of a type may be in a file of its own: " + own + ".so";
    return *other_kinds;
}

Result<PluginClass> Catalog::find_for_queue(Kind kind, const QueueConfig& queue, const fs::path& base_dir) {
    const std::string& given = kind == Kind::consumer ? queue.consumer : queue.producer;
    const char* key = kind == Kind::consumer ? "consumer" : "producer";
    if (given.empty() && queue.type.empty())
        return Error(ErrorCode::config,
                     "queue \"" + queue.name + "\" is used as a " + key + " and has neither \"type\" nor \"" +
                         key + "\"",
                     "/type");
    auto found = given.empty() ? find_for_type(kind, queue.type, base_dir) : find(kind, given, base_dir);
    if (found) return found;
    Error error = found.error();
    error.text = "queue \"" + queue.name + "\": " + error.text;
    error.field = given.empty() ? "/type" : std::string("/") + key;
    return error;
}

Result<void> Catalog::add(const volley_plugin* plugin, std::string name) {
    if (!name.ends_with(".so")) name += ".so";
    for (const Linked& l : state_->linked)
        if (l.file == name)
            return Error(ErrorCode::config, name + ": a plugin of this name was added already");
    auto described = describe_once(plugin, name);
    if (!described) return described.error();
    state_->linked.push_back({std::move(name), *described});
    return {};
}

std::vector<Listing> Catalog::list() {
    std::vector<Listing> out;
    std::set<std::string> seen;
    const auto describe_into = [](Listing& entry, const Description& d) {
        entry.name = d.plugin.name;
        entry.version = d.plugin.version;
        entry.summary = d.plugin.summary != nullptr ? d.plugin.summary : "";
        for (const auto& c : d.classes) entry.classes.push_back(class_of(d, &c->head, entry.file));
    };
    for (const Linked& l : state_->linked) {
        Listing entry;
        entry.file = l.file;
        describe_into(entry, *l.description);
        seen.insert(l.file);
        out.push_back(std::move(entry));
    }
    for (const fs::path& directory : state_->directories) {
        for (const std::string& name : shared_objects_in(directory)) {
            Listing entry;
            entry.file = (directory / name).string();
            entry.shadowed = !seen.insert(name).second;
            if (auto loaded = load_library(entry.file)) {
                describe_into(entry, **loaded);
            } else {
                entry.error = loaded.error().text;
            }
            out.push_back(std::move(entry));
        }
    }
    return out;
}

}  // namespace volley::plugins
