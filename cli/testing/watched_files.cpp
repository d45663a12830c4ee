#include "testing/watched_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace volley::cli::testing {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_files = 5'000;

bool is_left_out(const std::string& folder) {
    static const std::set<std::string> names{"build",       "target", "node_modules",
                                             "__pycache__", "venv",   "state"};
    return folder.empty() || folder.front() == '.' || names.count(folder) > 0;
}

void add_folder(const fs::path& folder, std::vector<std::string>& out) {
    std::error_code error;
    fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
    for (; !error && at != fs::recursive_directory_iterator() && out.size() < most_files;
         at.increment(error)) {
        std::error_code ignored;
        if (at->is_directory(ignored)) {
            if (is_left_out(at->path().filename().string())) at.disable_recursion_pending();
        } else if (at->is_regular_file(ignored)) {
            out.push_back(at->path().string());
        }
    }
}

}  // namespace

std::vector<std::string> watched_files(const std::vector<std::string>& test_files,
                                       const std::string& config_file, const Config* config) {
    std::vector<std::string> out = test_files;
    out.push_back(config_file);
    std::error_code ignored;
    const fs::path folder = fs::absolute(config_file, ignored).parent_path();
    add_folder(folder, out);
    if (config == nullptr) return out;
    for (const ComponentConfig& component : config->components) {
        const HandlerConfig& handler = component.handler;
        if (handler.kind == HandlerConfig::Kind::library)
            out.push_back((folder / handler.library.library).string());
        for (const std::string& word : handler.process.exec) out.push_back((folder / word).string());
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

std::string state_of(const std::vector<std::string>& files) {
    std::string out;
    for (const std::string& file : files) {
        struct stat status {};
        if (stat(file.c_str(), &status) != 0) continue;
        out += file + ':' + std::to_string(status.st_mtim.tv_sec) + '.' +
               std::to_string(status.st_mtim.tv_nsec) + ':' + std::to_string(status.st_size) + ':' +
               std::to_string(status.st_ino) + '\n';
    }
    return out;
}

}  // namespace volley::cli::testing
