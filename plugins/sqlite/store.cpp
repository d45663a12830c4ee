#include "store.hpp"

#include <sys/stat.h>

#include <map>
#include <utility>

namespace volley::sqlite {

void Store::announce() {
    const std::lock_guard lock(mutex);
    ++version;
    changed.notify_all();
}

std::shared_ptr<Store> store_of(const std::string& path) {
    static std::mutex mutex;
    static auto& stores =
        *new std::map<std::pair<dev_t, ino_t>, std::weak_ptr<Store>>;  // threads may outlive main
    struct stat status {};
    // A file that another program deleted is a separate store.
    if (::stat(path.c_str(), &status) != 0) return std::make_shared<Store>();
    const std::lock_guard lock(mutex);
    auto& entry = stores[{status.st_dev, status.st_ino}];
    std::shared_ptr<Store> store = entry.lock();
    if (store == nullptr) entry = store = std::make_shared<Store>();
    return store;
}

}  // namespace volley::sqlite
