// A TCP proxy to the Redis of a test. It can lose a reply: it forwards the request, and closes the connection
// instead of the reply. It can delay a request until its client has given up. It can reply itself, with any
// bytes.
#pragma once

#include <poll.h>

#include <atomic>
#include <thread>

#include "server.hpp"

namespace volley::test {

class Proxy {
public:
    explicit Proxy(int target) : target_(target) {
        listener_ = bind_free(port_);
        REQUIRE(::listen(listener_, 16) == 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~Proxy() {
        stop_ = true;
        thread_.join();
        for (const Pair& pair : pairs_) ::close(pair.client), ::close(pair.server);
        ::close(listener_);
    }
    Proxy(const Proxy&) = delete;
    Proxy& operator=(const Proxy&) = delete;

    int port() const { return port_; }
    // Loses the reply to the next request that contains `word`.
    void lose_reply_to(const std::string& word) {
        word_ = word;
        armed_ = true;
    }
    // Replies to the next request that contains `word` with these bytes, and does not forward it.
    void reply(const std::string& word, const std::string& bytes) {
        word_ = word;
        own_reply_ = bytes;
        replies_itself_ = true;
        armed_ = true;
    }
    int lost() const { return lost_; }
    bool is_armed() const { return armed_; }
    // Delays the bytes of a connection, from the next request that contains `word` up to the `count`-th
    // occurrence, and then closes the client's connection.
    void keep(const std::string& word, int count = 1) {
        word_ = word;
        kept_.clear();
        to_keep_ = count;
        armed_ = true;
    }
    // Forwards the delayed bytes, and waits until Redis has processed them.
    void let_go() {
        REQUIRE(kept_by_ >= 0);
        REQUIRE(::send(kept_by_, kept_.data(), kept_.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(kept_.size()));
        REQUIRE(::shutdown(kept_by_, SHUT_WR) == 0);
        char replies[4096];
        while (::recv(kept_by_, replies, sizeof replies, 0) > 0) continue;
        ::close(kept_by_);
        kept_by_ = -1;
    }

private:
    struct Pair {
        int client;
        int server;
        bool doomed = false;
        bool is_kept = false;
    };

    void serve() {
        while (!stop_) {
            std::vector<pollfd> fds{{listener_, POLLIN, 0}};
            for (const Pair& pair : pairs_) {
                fds.push_back({pair.client, POLLIN, 0});
                fds.push_back({pair.server, POLLIN, 0});
            }
            if (::poll(fds.data(), fds.size(), 10) <= 0) continue;
            for (std::size_t i = pairs_.size(); i-- > 0;) {
                const bool alive = (fds[1 + 2 * i].revents == 0 || pass_request(pairs_[i])) &&
                                   (fds[2 + 2 * i].revents == 0 || pass_reply(pairs_[i]));
                if (alive) continue;
                ::close(pairs_[i].client);
                ::close(pairs_[i].server);
                pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
            }
            if (fds[0].revents != 0) accept_one();
        }
    }
    void accept_one() {
        const int client = ::accept(listener_, nullptr, nullptr);
        const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = loopback(target_);
        if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
            pairs_.push_back({client, server});
        } else {
            ::close(client);
            ::close(server);
        }
    }
    bool pass_request(Pair& pair) {
        char bytes[65536];
        const ssize_t n = ::recv(pair.client, bytes, sizeof bytes, 0);
        if (n <= 0) return false;
        const std::string_view request(bytes, static_cast<std::size_t>(n));
        if (armed_ && request.find(word_) != std::string_view::npos) {
            armed_ = false;
            if (replies_itself_) {
                replies_itself_ = false;
                return ::send(pair.client, own_reply_.data(), own_reply_.size(), MSG_NOSIGNAL) >= 0;
            }
            if (to_keep_ == 0) {
                pair.doomed = true;
            } else {
                pair.is_kept = true;
            }
        }
        if (pair.is_kept) return keep_request(pair, request);
        return ::send(pair.server, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL) == n;
    }
    bool keep_request(const Pair& pair, std::string_view request) {
        kept_ += request;
        int found = 0;
        for (std::size_t at = 0; (at = kept_.find(word_, at)) != std::string::npos; ++at) ++found;
        if (found < to_keep_) return true;
        to_keep_ = 0;
        kept_by_ = ::dup(pair.server);
        return false;
    }
    bool pass_reply(Pair& pair) {
        char bytes[65536];
        const ssize_t n = ::recv(pair.server, bytes, sizeof bytes, 0);
        if (pair.doomed) ++lost_;
        if (n <= 0 || pair.doomed) return false;
        return ::send(pair.client, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL) == n;
    }

    int target_, port_ = 0, listener_ = -1;
    std::atomic<bool> stop_{false}, armed_{false};
    std::atomic<int> lost_{0};
    std::string word_;  // written before armed_, read after it; so is the next
    int to_keep_ = 0;
    bool replies_itself_ = false;
    std::string own_reply_;
    std::string kept_;  // written before kept_by_, read after it
    std::atomic<int> kept_by_{-1};
    std::vector<Pair> pairs_;
    std::thread thread_;
};

}  // namespace volley::test
