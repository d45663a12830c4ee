#include <cerrno>

#include "redis/tls.hpp"

namespace volley::redis {

bool has_tls() { return false; }

void start_tls(redisContext&, const Server&) {
    throw Error(ErrorCode::config, "this build has no TLS", "/tls");
}

ssize_t tls_read(redisContext&, char*, std::size_t) {
    errno = ENOTSUP;
    return -1;
}

void tls_append(redisContext&, const char*, std::size_t) {}

int tls_flush(redisContext&) {
    errno = ENOTSUP;
    return -1;
}

}  // namespace volley::redis
