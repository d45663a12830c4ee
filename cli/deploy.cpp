#include "deploy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include "deploy/yaml_text.hpp"
#include "queue_access.hpp"
#include "terminal.hpp"

namespace volley::cli {

namespace {

namespace fs = std::filesystem;

std::vector<ProjectFile> files_for(const Deploy& options, const deploy::Needs& needs) {
    if (options.to == "k8s") return deploy::kubernetes(needs, options.target);
    if (options.to == "compose") return deploy::compose(needs, options.target);
    return deploy::systemd(needs, options.target);
}

// Returns errno's value, or 0. A file that is there is replaced as a whole or not at all.
int write_whole(const fs::path& path, const std::string& text, bool replace) {
    const fs::path made = path.string() + ".new";
    const int file = open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (file < 0) return errno;
    std::size_t done = 0;
    int error = 0;
    while (done < text.size() && error == 0) {
        const ssize_t written = write(file, text.data() + done, text.size() - done);
        if (written >= 0)
            done += static_cast<std::size_t>(written);
        else if (errno != EINTR)
            error = errno;
    }
    if (fsync(file) != 0 && error == 0) error = errno;
    if (close(file) != 0 && error == 0) error = errno;
    // A link fails if a file is there; a rename replaces it.
    if (error == 0 && !replace && link(made.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0 && replace && std::rename(made.c_str(), path.c_str()) != 0) error = errno;
    if (error != 0 || !replace) unlink(made.c_str());
    return error;
}

int write_files(const Deploy& options, const std::vector<ProjectFile>& files) {
    const fs::path folder = options.output;
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) {
        say("cannot make the folder " + options.output + ": " + failed.message());
        return exit_cannot_create;
    }
    // Compose reads the configuration and what it names from the folder: in its own folder they are there.
    const auto is_there = [&](const ProjectFile& file) {
        std::error_code unknown;
        return file.path != files.front().path &&
               fs::equivalent(folder, fs::absolute(options.file, unknown).parent_path(), unknown) &&
               fs::exists(folder / file.path, unknown) && file.path.find(".env") == std::string::npos;
    };
    for (const ProjectFile& file : files) {
        std::error_code unknown;
        if (is_there(file)) continue;
        if (options.force || !fs::exists(fs::symlink_status(folder / file.path, unknown))) continue;
        say((folder / file.path).string() + " is there already; --force replaces it. Nothing was written");
        return exit_cannot_create;
    }
    for (const ProjectFile& file : files) {
        if (is_there(file)) continue;
        std::error_code unknown;
        fs::create_directories((folder / file.path).parent_path(), unknown);
        if (const int error = write_whole(folder / file.path, file.text, options.force)) {
            say("cannot write " + (folder / file.path).string() + ": " + std::strerror(error));
            return exit_cannot_create;
        }
        say("wrote " + (folder / file.path).string());
    }
    return exit_ok;
}

}  // namespace

const std::vector<std::string>& deploy_targets() {
    static const std::vector<std::string> all{"k8s", "systemd", "compose"};
    return all;
}

int deploy_file(const Deploy& options) {
    const deploy::Read read = deploy::read_needs(options.file);
    std::fputs(
        config::render(read.diagnostics, config::Format::text, config::screen_of(STDERR_FILENO)).c_str(),
        stderr);
    if (!read.needs) {
        if (read.guessed)
            say("a variable that is not set counts as 1 here; where that is the mistake, set it for this "
                "command");
        return exit_config;
    }
    if (!deploy::is_text(read.needs->text)) {
        say(options.file + " has control characters or is no UTF-8: no deployment can hold it");
        return exit_config;
    }
    for (const std::string& note : read.needs->notes) say("note: " + note);
    const auto files = files_for(options, *read.needs);
    std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit (ulimit -f) is like a full disk
    if (!options.output.empty()) return write_files(options, files);
    std::fputs(files.front().text.c_str(), stdout);
    return exit_ok;
}

}  // namespace volley::cli
