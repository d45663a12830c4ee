#include "edit.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace volley::cli {

namespace {

const char* editor() {
    for (const char* variable : {"VISUAL", "EDITOR"}) {
        const char* value = std::getenv(variable);
        if (value != nullptr && *value != '\0') return value;
    }
    return "vi";
}

// A file of our own that is gone when this is. Only its owner can read it: a body may hold anything.
struct TemporaryFile {
    std::string path = (std::filesystem::temp_directory_path() / "volley-XXXXXX").string();
    int descriptor = mkstemp(path.data());
    TemporaryFile() = default;
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        if (descriptor < 0) return;
        close(descriptor);
        unlink(path.c_str());
    }
};

// The shell splits $EDITOR into words, as everybody's editor variable expects.
bool run_editor(const std::string& path) {
    const std::string command = std::string(editor()) + " \"$1\"";
    const pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command.c_str(), "sh", path.c_str(), static_cast<char*>(nullptr));
        _exit(127);
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Result<std::string> edit(const std::string& text) {
    const TemporaryFile file;
    if (file.descriptor < 0)
        return Error(ErrorCode::unsupported,
                     std::string("cannot make a temporary file: ") + std::strerror(errno));
    {
        std::ofstream out(file.path, std::ios::binary);
        out << text << '\n';
        if (!out.flush()) return Error(ErrorCode::unsupported, "cannot write " + file.path);
    }
    if (!run_editor(file.path))
        return Error(ErrorCode::unsupported,
                     std::string("the editor \"") + editor() + "\" failed; set EDITOR to one that works");
    std::ifstream in(file.path, std::ios::binary);
    std::string saved{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!saved.empty() && saved.back() == '\n') saved.pop_back();
    return saved;
}

}  // namespace volley::cli
