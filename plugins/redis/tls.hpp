// TLS to Redis: tls.cpp if hiredis was built with it (1.0 and later), otherwise no_tls.cpp.
#pragma once

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include "redis/server.hpp"

namespace volley::redis {

bool has_tls();

// Performs the handshake on a new connection, and verifies the server's certificate and host name. From then
// on, the caller sends and receives only with the functions below. Throws Error: config (a file or a
// certificate is wrong), retry. Requires: has_tls().
void start_tls(redisContext& context, const Server& server);
// As recv() of a non-blocking socket.
ssize_t tls_read(redisContext& context, char* bytes, std::size_t size);
// Copies bytes into the output buffer.
void tls_append(redisContext& context, const char* bytes, std::size_t size);
// Writes the output buffer. Returns 1: all is written; 0: the socket is full; -1: error, in errno.
int tls_flush(redisContext& context);

}  // namespace volley::redis
