#include "transfer.hpp"

#include <algorithm>
#include <new>

#include "header_text.hpp"
#include "volley/view.hpp"

namespace volley::http {

namespace {

constexpr std::size_t most_body = 1024;

bool is_misconfiguration(CURLcode code) {
    return code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM || code == CURLE_URL_MALFORMAT ||
           code == CURLE_UNSUPPORTED_PROTOCOL;
}

}  // namespace

Transfer::Transfer(const ClientConfig& config)
    : config_(config),
      easy_(::curl_easy_init(), &::curl_easy_cleanup),
      headers_(nullptr, &::curl_slist_free_all) {
    if (easy_ == nullptr) throw std::bad_alloc();
    CURL* c = easy_.get();
    ::curl_easy_setopt(c, CURLOPT_URL, config.url.c_str());
    ::curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(c, CURLOPT_POST, 1L);
    ::curl_easy_setopt(c, CURLOPT_ERRORBUFFER, failure_);
    ::curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config.connect_timeout_ms));
    ::curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(config.timeout_ms));
    ::curl_easy_setopt(c, CURLOPT_USERAGENT, "volley");
    ::curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    ::curl_easy_setopt(c, CURLOPT_WRITEDATA, this);
    ::curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    ::curl_easy_setopt(c, CURLOPT_HEADERDATA, this);
    ::curl_easy_setopt(c, CURLOPT_PRIVATE, this);
    set_tls();
}

void Transfer::set_tls() {
    CURL* c = easy_.get();
    ::curl_easy_setopt(c, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!config_.tls_ca.empty()) {
        ::curl_easy_setopt(c, CURLOPT_CAINFO, config_.tls_ca.c_str());
        ::curl_easy_setopt(c, CURLOPT_CAPATH, nullptr);  // only these authorities
    }
    if (config_.tls_cert.empty()) return;
    ::curl_easy_setopt(c, CURLOPT_SSLCERT, config_.tls_cert.c_str());
    ::curl_easy_setopt(c, CURLOPT_SSLKEY, config_.tls_key.c_str());
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
    std::string& body = static_cast<Transfer*>(self)->body_;
    body.append(data, std::min(size * count, most_body - std::min(body.size(), most_body)));
    return size * count;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
    const std::string_view line(data, size * count);
    constexpr std::string_view name = "Retry-After:";
    if (equals_without_case(line.substr(0, name.size()), name)) {
        std::string_view value = line.substr(name.size());
        value = value.substr(std::min(value.find_first_not_of(" \t"), value.size()));
        static_cast<Transfer*>(self)->retry_after_ = value.substr(0, value.find_last_not_of(" \t\r\n") + 1);
    }
    return size * count;
}

void Transfer::add_header(const std::string& line) {
    curl_slist* longer = ::curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(headers_.release());
    headers_.reset(longer);
}

void Transfer::begin(const volley_record& record) {
    token_ = record.token;
    body_.clear();
    retry_after_.clear();
    failure_[0] = '\0';
    headers_.reset();
    // A header without a value is written with a semicolon, as libcurl requires.
    const auto add = [this](const std::string& name, const std::string& value) {
        add_header(value.empty() ? name + ";" : name + ": " + value);
    };
    add("Content-Type", config_.content_type);
    add_header("Expect:");  // no 100-continue
    if (!config_.token.empty()) add("Authorization", "Bearer " + config_.token);
    if (record.id.size > 0) add(std::string(id_header), to_header_value(text_of(record.id)));
    if (!is_absent(record.key)) add(std::string(key_header), to_header_value(text_of(record.key)));
    for (std::uint32_t i = 0; i < record.header_count; ++i) {
        const std::string_view name = text_of(record.headers[i].name);
        add(is_of_trace(name) ? std::string(name) : std::string(header_prefix) + to_header_name(name),
            to_header_value(text_of(record.headers[i].value)));
    }
    const std::string_view body = text_of(record.body);
    ::curl_easy_setopt(easy(), CURLOPT_HTTPHEADER, headers_.get());
    ::curl_easy_setopt(easy(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    ::curl_easy_setopt(easy(), CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
}

Outcome Transfer::finish(CURLcode code) {
    Outcome o;
    o.retry_after = std::move(retry_after_);
    o.body = std::move(body_);
    if (code == CURLE_OK) {
        ::curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &o.status);
        if (o.status != 0) return o;
    }
    long sent = 0;
    ::curl_easy_getinfo(easy(), CURLINFO_REQUEST_SIZE, &sent);
    o.was_sent = sent > 0;
    o.is_misconfigured = is_misconfiguration(code);
    o.failure = failure_[0] != '\0' ? failure_ : ::curl_easy_strerror(code);
    return o;
}

}  // namespace volley::http
