// Commands in Redis' protocol, one after another, for one round trip. Short words are copied into one buffer;
// long ones (bodies) are borrowed, and sent from where they are.
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
    // The next command has so many words, each of which is then added. Binary-safe.
    void begin(std::size_t words);
    void word(std::string_view text);
    void word(std::string_view text, std::string_view suffix);  // one word of both
    void command(const Words& words);

    std::size_t commands() const { return commands_; }
    // The bytes, in order. Valid until the next call of another function, and as long as what was borrowed.
    std::vector<iovec>& pieces();

private:
    struct Borrowed {
        const char* data;
        std::size_t before;  // the place in buffer_ before which it stands
        std::size_t size;
    };

    void header(char mark, std::size_t number);

    std::string buffer_;
    std::vector<Borrowed> borrowed_;
    std::vector<iovec> vectors_;
    std::size_t commands_ = 0;
};

}  // namespace volley::rsmq
