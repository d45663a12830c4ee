#include "file_watch.hpp"

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

namespace volley {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_beside = 200;  // of one folder: it may be somebody's home

}  // namespace

void FileWatch::begin(const std::string& file, const Config& config) {
    components_.clear();
    add(file, {});
    const fs::path base(config.base_dir);
    for (const QueueConfig& queue : config.queues) {
        if (queue.schema.kind == SchemaConfig::Kind::json_schema) add(base / queue.schema.name, {});
    }
    for (const ComponentConfig& component : config.components) {
        const HandlerConfig& handler = component.handler;
        if (handler.kind == HandlerConfig::Kind::library) add(base / handler.library.library, component.name);
        if (handler.kind != HandlerConfig::Kind::process) continue;
        const fs::path folder = base / handler.process.working_dir;
        for (const std::string& argument : handler.process.exec) add(folder / argument, component.name);
    }
    known_ = last_ = stamps();
}

// What is no file is not watched: options, and programs that are found by PATH.
void FileWatch::add(const std::string& path, const std::string& component) {
    std::error_code none;
    const fs::path file(path);
    if (!fs::is_regular_file(file, none)) return;
    const auto watch = [&](const fs::path& one) {
        auto& all = components_[one.string()];
        if (!component.empty()) all.insert(component);
    };
    watch(file);
    if (component.empty() || file.extension().empty()) return;
    std::size_t count = 0;
    for (fs::directory_iterator it(file.parent_path(), none), end; !none && it != end && count < most_beside;
         it.increment(none)) {
        if (it->path().extension() != file.extension() || !it->is_regular_file(none)) continue;
        watch(it->path());
        ++count;
    }
}

// A file that is away at the moment is left out.
FileWatch::Stamps FileWatch::stamps() const {
    constexpr std::int64_t second = 1'000'000'000;
    Stamps all;
    for (const auto& [path, components] : components_) {
        struct stat s {};
        if (::stat(path.c_str(), &s) != 0) continue;
        all[path] = {s.st_ino, s.st_size, s.st_mtim.tv_sec * second + s.st_mtim.tv_nsec};
    }
    return all;
}

std::optional<std::set<std::string>> FileWatch::look() {
    Stamps now = stamps();
    const bool is_complete = now == last_;
    last_ = now;
    if (!is_complete) return std::nullopt;
    bool any = false;
    std::set<std::string> changed;
    for (const auto& [path, stamp] : now) {
        Stamp& before = known_[path];
        if (before == stamp) continue;
        before = stamp;
        any = true;
        const auto& of = components_.at(path);
        changed.insert(of.begin(), of.end());
    }
    if (!any) return std::nullopt;
    return changed;
}

}  // namespace volley
