#include "handlers/diagnosis.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace volley::handlers {

namespace {

// The program that the first line of a script names; empty: the file has no such line.
std::string interpreter_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string line(256, '\0');
    file.read(line.data(), static_cast<std::streamsize>(line.size()));
    line.resize(static_cast<std::size_t>(file.gcount()));
    line.resize(std::min(line.find('\n'), line.size()));
    if (line.rfind("#!", 0) != 0) return {};
    const std::size_t begin = line.find_first_not_of(" \t", 2);
    if (begin == std::string::npos) return {};
    return line.substr(begin, line.find_first_of(" \t", begin) - begin);
}

}  // namespace

std::string start_failure(const std::string& program, const std::string& directory, int error) {
    const std::string text = std::strerror(error);
    struct stat status {};
    if (stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
        return text + ": the working directory does not exist";
    if (program.find('/') == std::string::npos) {
        if (error == ENOENT) return text + ": no folder in PATH has it";
        return text;
    }
    const std::string path = program.front() == '/' ? program : directory + "/" + program;
    if (stat(path.c_str(), &status) != 0) return text;
    if (S_ISDIR(status.st_mode)) return text + ": it is a folder";
    const std::string interpreter = interpreter_of(path);
    switch (error) {
        case ENOENT:
            if (!interpreter.empty() && interpreter.back() == '\r')
                return text + ": its first line ends with a carriage return, so its interpreter is not found";
            if (!interpreter.empty()) return text + ": its interpreter " + interpreter + " does not exist";
            return text + ": the file exists, but not the loader or library that it needs";
        case EACCES:
            if ((status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
                return text + ": it is not executable; chmod +x, or name its interpreter in exec";
            return text;
        default:
            return text;
    }
}

}  // namespace volley::handlers
