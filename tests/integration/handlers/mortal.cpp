// A child-process handler that answers one message and dies of the next, each time in another way. Small, so
// that thousands of deaths take seconds.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>

int main() {
    std::string line;
    if (!std::getline(std::cin, line)) return 0;
    const auto from = line.find("\"id\":\"");
    if (from == std::string::npos) return 1;
    const auto id = line.substr(from + 6, line.find('"', from + 6) - from - 6);
    std::cout << R"({"id":")" << id << R"(","outputs":[{"text":"done"}]})" << std::endl;
    if (!std::getline(std::cin, line)) return 0;
    switch (getpid() % 6) {
        case 0:
            std::raise(SIGSEGV);
            break;
        case 1:
            std::abort();
        case 2:
            std::_Exit(3);
        case 3:
            close(STDOUT_FILENO);
            pause();
            break;
        case 4:
            std::cout << R"({"id":"12)" << std::flush;  // half an answer
            std::_Exit(0);
        default:
            std::cout << "garbage" << std::endl;
            std::_Exit(4);
    }
}
