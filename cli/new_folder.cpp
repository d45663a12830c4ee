#include "new_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "config/diagnostics.hpp"

namespace volley::cli {

namespace {

namespace fs = std::filesystem;

using Failure = std::optional<std::string>;

Failure cannot(const char* what, const fs::path& path, int error) {
    return std::string("cannot ") + what + " " + config::in_quotes(path.string()) + ": " +
           std::strerror(error);
}

constexpr int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// Holds back the signals that end a command.
class HeldSignals {
public:
    HeldSignals() {
        sigemptyset(&held_);
        for (const int number : ending_signals) sigaddset(&held_, number);
        pthread_sigmask(SIG_BLOCK, &held_, &before_);
    }
    ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;

    bool has_one() const {
        sigset_t pending;
        sigpending(&pending);
        for (const int number : ending_signals)
            if (sigismember(&pending, number) == 1) return true;
        return false;
    }

private:
    sigset_t held_{};
    sigset_t before_{};
};

// A folder of our own that is gone when this is.
struct Staging {
    explicit Staging(const fs::path& parent) : path((parent / ".volley-init-XXXXXX").string()) {
        if (mkdtemp(path.data()) == nullptr) error = errno;
    }
    ~Staging() {
        std::error_code ignored;
        if (error == 0) fs::remove_all(path, ignored);
    }
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;

    std::string path;
    int error = 0;
};

// Returns errno's value, or 0.
int write_file(const fs::path& path, std::string_view text) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return errno;
    int error = 0;
    while (!text.empty() && error == 0) {
        const ssize_t written = write(file, text.data(), text.size());
        if (written >= 0)
            text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            error = errno;
    }
    // Some file systems report a full disk only now.
    if (close(file) != 0 && error == 0) error = errno;
    return error;
}

Failure write_files(const fs::path& folder, const std::vector<ProjectFile>& files) {
    for (const ProjectFile& file : files) {
        const fs::path path = folder / file.path;
        std::error_code error;
        fs::create_directories(path.parent_path(), error);
        if (error) return cannot("make the folder of", file.path, error.value());
        if (const int failed = write_file(path, file.text)) return cannot("write", file.path, failed);
    }
    return std::nullopt;
}

// Returns errno's value, or 0. What is at `to` stays; only file systems that cannot promise that, such as
// NFS, may replace a file that has appeared there just now.
int move_to(const fs::path& from, const fs::path& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

// Moves what is in one folder into another, which is empty: all of it, or nothing.
Failure move_into(const fs::path& from, const fs::path& to) {
    std::vector<fs::path> moved;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(from, error)) {
        const fs::path place = to / entry.path().filename();
        if (const int failed = move_to(entry.path(), place)) {
            error.assign(failed, std::generic_category());
            break;
        }
        moved.push_back(place);
    }
    if (!error) return std::nullopt;
    std::error_code ignored;
    for (const fs::path& path : moved) fs::remove_all(path, ignored);
    return cannot("write into", to, error.value());
}

Failure publish(const fs::path& written, const fs::path& folder, bool exists) {
    if (exists) return move_into(written, folder);
    if (std::rename(written.c_str(), folder.c_str()) != 0) return cannot("make the folder", folder, errno);
    return std::nullopt;
}

// Why nothing can be written there.
Failure check_folder(const fs::path& folder, bool& exists) {
    std::error_code error;
    const fs::file_status status = fs::status(folder, error);
    exists = fs::exists(status);
    const std::string quoted = config::in_quotes(folder.string());
    if (!exists) {
        if (status.type() != fs::file_type::not_found) return cannot("access", folder, error.value());
        const fs::path parent = folder.parent_path();
        if (parent.empty() || fs::is_directory(parent, error)) return std::nullopt;
        return config::in_quotes(parent.string()) +
               (fs::exists(parent, error) ? " is no folder" : " does not exist; make that folder first");
    }
    if (!fs::is_directory(status)) return quoted + " is no folder; give the name of a new one";
    const bool empty = fs::is_empty(folder, error);
    if (error) return cannot("read", folder, error.value());
    if (!empty) return quoted + " is not empty; give the name of a new folder, or of an empty one";
    return std::nullopt;
}

}  // namespace

std::string folder_name(const std::string& folder) {
    std::error_code ignored;  // a working directory that was deleted: then there is no name
    fs::path path = fs::absolute(folder, ignored).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    return path.filename().string();
}

std::optional<std::string> write_folder(const std::string& name, const std::vector<ProjectFile>& files) {
    const HeldSignals signals;
    fs::path folder = name;
    if (!folder.has_filename()) folder = folder.parent_path();  // it ended with a slash
    bool exists = false;
    if (const Failure failure = check_folder(folder, exists)) return failure;

    // On the same file system as the folder. One that exists stays: it may be somebody's working directory,
    // or have a file system of its own.
    const fs::path place = exists ? folder : folder.parent_path();
    const Staging staging(place.empty() ? fs::path(".") : place);
    if (staging.error != 0) return cannot("write into", place.empty() ? fs::path(".") : place, staging.error);
    // In a folder below, which has the usual permissions: those of the staging folder are its owner's alone.
    const fs::path written = fs::path(staging.path) / "project";
    Failure failure = write_files(written, files);
    if (!failure && signals.has_one()) failure = "interrupted; nothing was written";
    if (!failure) failure = publish(written, folder, exists);
    return failure;
}

}  // namespace volley::cli
