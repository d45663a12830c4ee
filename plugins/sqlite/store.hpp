// The state that all connections of this process to one database file share: the write lock, and
// notifications of new messages. Thread: any.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace volley::sqlite {

struct Store {
    std::mutex writing;  // held for each write transaction

    std::mutex mutex;  // guards version, and the consumers' interrupt flags
    std::condition_variable changed;
    std::uint64_t version = 0;  // grows when a message may have become visible

    // A message may have become visible.
    void announce();
};

// The Store of an existing file, the same for every path to it.
std::shared_ptr<Store> store_of(const std::string& path);

}  // namespace volley::sqlite
