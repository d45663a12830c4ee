// A request of the API and its answer, without HTTP. Any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "operations/reply.hpp"

namespace volley::operations {

struct ApiRequest {
    std::string method;
    std::string path;  // decoded, without the query
    std::multimap<std::string, std::string> parameters;
    std::string client;                 // who asks, for the audit
    std::string from;                   // the client's address
    const std::string* body = nullptr;  // null: an answer has not wanted it
};

struct ApiResponse {
    int status = 200;
    std::string body;                         // JSON
    bool events = false;                      // the body is the first of the events
    std::function<std::string()> own_events;  // those that follow, if they are of this client alone
    std::string allow;                        // of status 405
    bool wants_body = false;                  // answer again, with the body of the request
    Later later;                              // makes the reply, instead of all others
};

// An answer of nothing but JSON.
inline ApiResponse json_response(int status, std::string body) {
    ApiResponse response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

// What a client gets instead of an answer: {"error": text}.
std::string error_body(const std::string& text);

}  // namespace volley::operations
