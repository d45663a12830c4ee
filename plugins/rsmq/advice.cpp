#include "advice.hpp"

#include <mutex>
#include <set>

namespace volley::rsmq {

namespace {

// The servers that were checked. Thread: any.
class CheckedServers {
public:
    // Returns false if the server was checked before.
    bool add(const std::string& place) {
        const std::lock_guard lock(mutex_);
        return places_.insert(place).second;
    }
    void remove(const std::string& place) {
        const std::lock_guard lock(mutex_);
        places_.erase(place);
    }

private:
    std::mutex mutex_;
    std::set<std::string> places_;
};

CheckedServers& checked_servers() {
    static CheckedServers& servers = *new CheckedServers;  // never destroyed, as in send_notifications.cpp
    return servers;
}

// Returns the section, or nothing if the user may not read it (INFO is @dangerous to ACLs): queues work
// without it.
std::string info(Connection& connection, const char* section, const Context& context) {
    try {
        return std::string(text_of(connection.command({"INFO", section}).get()));
    } catch (const Error& error) {
        if (error.code == ErrorCode::retry || error.code == ErrorCode::unknown) throw;
        context.info(std::string("cannot check whether the server may lose queues: INFO ") + section +
                     " is refused. " + error.text);
        return {};
    }
}

void check_server(Connection& connection, const std::string& place, const Context& context) {
    const std::string memory = info(connection, "memory", context);
    if (!memory.empty() && memory.find("maxmemory_policy:noeviction") == std::string::npos) {
        context.warning(place + " may evict keys and so lose queues: set maxmemory-policy noeviction");
    }
    const std::string persistence = info(connection, "persistence", context);
    if (!persistence.empty() && persistence.find("aof_enabled:1") == std::string::npos) {
        context.warning(place +
                        " keeps no append-only file: a restart loses all messages since its last snapshot, "
                        "if there is one: set appendonly yes");
    }
}

}  // namespace

void warn_about_server(Connection& connection, const Context& context) {
    const std::string place = "Redis at " + connection.settings().server.place();
    connection.connect();
    if (!checked_servers().add(place)) return;
    try {
        check_server(connection, place, context);
    } catch (const Error&) {
        checked_servers().remove(place);
        throw;
    }
}

}  // namespace volley::rsmq
