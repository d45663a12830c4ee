// Commands in the Redis protocol (RESP), sent together. Short words are copied into one buffer. Long ones,
// such as bodies, are borrowed and sent in place.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace volley::rsmq {

using Words = std::vector<std::string_view>;

class Request {
public:
    void clear();
    // Begins a command with this number of words, which the caller then adds. Binary-safe.
    void begin(std::size_t words);
    void word(std::string_view text);
    void word(std::string_view text, std::string_view suffix);  // adds both as one word
    void command(const Words& words);

    std::size_t commands() const { return commands_; }
    // The bytes, in order. Valid until the next call of another function, and as long as the borrowed words.
    std::vector<iovec>& pieces();

private:
    struct Borrowed {
        const char* data;
        std::size_t before;  // offset in buffer_ before which it is sent
        std::size_t size;
    };

    void header(char mark, std::size_t number);

    std::string buffer_;
    std::vector<Borrowed> borrowed_;
    std::vector<iovec> vectors_;
    std::size_t commands_ = 0;
};

}  // namespace volley::rsmq
