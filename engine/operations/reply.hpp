// What a request gets: at once, later, or in parts. Any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace volley::operations {

struct Reply;
// Takes the reply that a Later promises. Thread: any, also when the client and the server are gone.
using Done = std::function<void(Reply)>;
// Begins to make a reply and returns at once. Calls `done` once, unless the engine stops.
using Later = std::function<void(Done done)>;

struct Reply {
    std::string bytes;                    // with none of the others and empty: the connection is closed
    bool streams = false;                 // events follow
    std::function<std::string()> events;  // those of this stream, once a second; empty: the common ones
    std::size_t wants_body = 0;           // ask again with the body of the request, which has so many bytes
    Later later;                          // follows when the client has taken the bytes; empty: nothing does
};

// A reply of nothing but bytes.
inline Reply whole_reply(std::string bytes) {
    Reply reply;
    reply.bytes = std::move(bytes);
    return reply;
}

using ResponseHeaders = std::vector<std::pair<std::string, std::string>>;

// Writes a response without its body: what the server's HTTP library does, for replies that it does not make.
std::string response_head(int status, const std::string& content_type, const ResponseHeaders& headers);
// A whole response. `with_body` false: an answer to HEAD.
std::string response(int status, const std::string& content_type, const ResponseHeaders& headers,
                     const std::string& body, bool with_body);
// A part of a body of unknown length (Transfer-Encoding: chunked); of an empty text, its end.
std::string chunk(const std::string& text);

}  // namespace volley::operations
