// `volley init`: a small project that runs at once.
#pragma once

#include <string>

namespace volley::cli {

struct Init {
    std::string folder;
    std::string handler = "python";
    std::string from = "sqlite";
    std::string to = "sqlite";
    bool list = false;  // only show the choices
};

// Prints the choices to standard output, and the rest to standard error. Returns the exit code.
int init(const Init& options);

}  // namespace volley::cli
