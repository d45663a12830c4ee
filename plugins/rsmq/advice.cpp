#include "advice.hpp"

#include <mutex>
#include <set>

namespace volley::rsmq {

namespace {

class Looks {
public:
    bool begin(const std::string& place) {
        const std::lock_guard lock(mutex_);
        return done_.insert(place).second;
    }
    void again(const std::string& place) {
        const std::lock_guard lock(mutex_);
        done_.erase(place);
    }

private:
    std::mutex mutex_;
    std::set<std::string> done_;
};

Looks& looks() {
    static Looks& looks = *new Looks;  // never destroyed, as in wakes.cpp
    return looks;
}

// Advice only: a user who may not ask (INFO is "dangerous" to ACLs) can use queues all the same.
std::string info(Connection& connection, const char* section, const Context& context) {
    try {
        return std::string(text_of(connection.command({"INFO", section}).get()));
    } catch (const Error& error) {
        if (error.code == ErrorCode::retry || error.code == ErrorCode::unknown) throw;
        context.info(std::string("cannot tell how safe queues are there: INFO ") + section + " is refused. " +
                     error.text);
        return {};
    }
}

void look(Connection& connection, const std::string& place, const Context& context) {
    const std::string memory = info(connection, "memory", context);
    if (!memory.empty() && memory.find("maxmemory_policy:noeviction") == std::string::npos) {
        context.warning(place + " may evict keys, and queues can vanish: set maxmemory-policy noeviction");
    }
    const std::string persistence = info(connection, "persistence", context);
    if (!persistence.empty() && persistence.find("aof_enabled:1") == std::string::npos) {
        context.warning(place +
                        " keeps no append-only file: when it ends, all messages since its last snapshot, "
                        "if it makes any, are lost: set appendonly yes");
    }
}

}  // namespace

void warn_about_server(Connection& connection, const Context& context) {
    const std::string place = "Redis at " + connection.settings().place();
    connection.connect();
    if (!looks().begin(place)) return;
    try {
        look(connection, place, context);
    } catch (const Error&) {
        looks().again(place);
        throw;
    }
}

}  // namespace volley::rsmq
