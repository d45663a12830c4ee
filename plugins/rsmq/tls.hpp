// TLS to Redis, where hiredis has it (1.0 and later, built so): tls.cpp, else no_tls.cpp.
#pragma once

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include "config.hpp"

namespace volley::rsmq {

bool has_tls();

// Shakes hands on a new connection, and checks the server's certificate and name. From then on bytes pass
// only by the functions below. Throws Error: config (a file, a certificate), retry. Requires: has_tls().
void start_tls(redisContext& context, const Settings& settings);
// As recv() of a socket that does not block.
ssize_t tls_read(redisContext& context, char* bytes, std::size_t most);
// Takes a copy of what is to be written.
void tls_append(redisContext& context, const char* bytes, std::size_t size);
// 1: all is written; 0: not yet, for the socket is full; -1: it is broken, and errno says why.
int tls_flush(redisContext& context);

}  // namespace volley::rsmq
