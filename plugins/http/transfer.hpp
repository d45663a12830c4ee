// One request of libcurl. Thread: the sender's.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "config.hpp"
#include "verdict.hpp"
#include "volley/plugin.h"

namespace volley::http {

class Transfer {
public:
    // `config` must outlive it. Throws std::bad_alloc.
    explicit Transfer(const ClientConfig& config);

    // Prepares the request of a record, whose views stay valid until finish. Throws Error{permanent} if the
    // record's headers cannot be sent.
    void begin(const volley_record& record);
    Outcome finish(CURLcode code);

    CURL* easy() const { return easy_.get(); }
    std::uint64_t token() const { return token_; }

private:
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
    void add_header(const std::string& line);
    void set_tls();

    const ClientConfig& config_;
    std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)> easy_;
    std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)> headers_;
    char failure_[CURL_ERROR_SIZE] = "";
    std::string body_;
    std::string retry_after_;
    std::uint64_t token_ = 0;
};

}  // namespace volley::http
