#include "redis/tls.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <memory>

namespace volley::redis {

namespace {

struct FreeSsl {
    void operator()(SSL_CTX* made) const { SSL_CTX_free(made); }
    void operator()(SSL* made) const { SSL_free(made); }
};

std::string openssl_error() {
    const unsigned long code = ERR_get_error();
    const char* why = code != 0 ? ERR_reason_error_string(code) : nullptr;
    return why != nullptr ? why : "unknown error";
}

void require(bool good, const char* key, const std::string& file) {
    if (good) return;
    throw Error(ErrorCode::config, "cannot use " + file + ": " + openssl_error(), std::string("/") + key);
}

std::unique_ptr<SSL_CTX, FreeSsl> make_context(const Server& s) {
    std::unique_ptr<SSL_CTX, FreeSsl> made(SSL_CTX_new(TLS_client_method()));
    if (!made) throw Error(ErrorCode::retry, "OpenSSL: " + openssl_error());
    SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
    if (s.tls_ca.empty())
        require(SSL_CTX_set_default_verify_paths(made.get()) == 1, "tls", "the system's certificates");
    else
        require(SSL_CTX_load_verify_locations(made.get(), s.tls_ca.c_str(), nullptr) == 1, "tls_ca",
                s.tls_ca);
    if (s.tls_cert.empty()) return made;
    require(SSL_CTX_use_certificate_chain_file(made.get(), s.tls_cert.c_str()) == 1, "tls_cert", s.tls_cert);
    require(SSL_CTX_use_PrivateKey_file(made.get(), s.tls_key.c_str(), SSL_FILETYPE_PEM) == 1, "tls_key",
            s.tls_key);
    return made;
}

// hiredis verifies the certificate chain, but not the host name.
void expect_name(SSL* ssl, const std::string& host) {
    unsigned char address[sizeof(in6_addr)];
    const bool numeric =
        inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1;
    if (numeric) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
    } else {
        SSL_set1_host(ssl, host.c_str());
        // The macro SSL_set_tlsext_host_name uses an old-style cast.
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(host.c_str()));
    }
}

}  // namespace

bool has_tls() { return true; }

void start_tls(redisContext& context, const Server& s) {
    const auto made = make_context(s);
    std::unique_ptr<SSL, FreeSsl> ssl(SSL_new(made.get()));
    if (!ssl) throw Error(ErrorCode::retry, "OpenSSL: " + openssl_error());
    expect_name(ssl.get(), s.host);
    redisSetTimeout(&context, {s.connect_timeout_ms / 1000, (s.connect_timeout_ms % 1000) * 1000});
    if (redisInitiateSSL(&context, ssl.get()) != REDIS_OK) {
        const long verdict = SSL_get_verify_result(ssl.get());
        const std::string at = "TLS to Redis at " + s.place() + ": ";
        if (verdict != X509_V_OK) {
            throw Error(
                ErrorCode::config,
                at + X509_verify_cert_error_string(verdict) + ". Is tls_ca its authority, and host its name?",
                "/tls");
        }
        throw Error(ErrorCode::retry, at + context.errstr);
    }
    static_cast<void>(ssl.release());  // the context owns it now
    context.flags &= ~REDIS_BLOCK;
    fcntl(context.fd, F_SETFL, fcntl(context.fd, F_GETFL) | O_NONBLOCK);
}

ssize_t tls_read(redisContext& context, char* bytes, std::size_t size) {
    const ssize_t n = context.funcs->read(&context, bytes, size);
    if (n > 0) return n;
    errno = n == 0 ? EAGAIN : EPROTO;
    return n < 0 && context.err == REDIS_ERR_EOF ? 0 : -1;
}

void tls_append(redisContext& context, const char* bytes, std::size_t size) {
    if (redisAppendFormattedCommand(&context, bytes, size) != REDIS_OK)
        throw Error(ErrorCode::retry, "out of memory");
}

int tls_flush(redisContext& context) {
    int done = 0;
    if (redisBufferWrite(&context, &done) == REDIS_OK) return done;
    errno = EPROTO;
    return -1;
}

}  // namespace volley::redis
