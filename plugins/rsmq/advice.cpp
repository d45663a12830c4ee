#include "advice.hpp"

#include <mutex>
#include <set>

namespace volley::rsmq {

namespace {

bool is_first_look(const std::string& place) {
    static std::mutex mutex;
    static std::set<std::string>& looked_at = *new std::set<std::string>;  // never destroyed, as in wakes.cpp
    const std::lock_guard lock(mutex);
    return looked_at.insert(place).second;
}

}  // namespace

// Advice only. A user who may not ask (INFO and CONFIG are "dangerous" to ACLs) can use queues all the same.
void warn_about_server(Connection& connection, const Context& context) {
    const std::string place = "Redis at " + connection.settings().place();
    connection.connect();
    if (!is_first_look(place)) return;
    try {
        const Reply memory = connection.command({"INFO", "memory"});
        if (text_of(memory.get()).find("maxmemory_policy:noeviction") == std::string_view::npos) {
            context.warning(place +
                            " may evict keys, and queues can vanish: set maxmemory-policy noeviction");
        }
        const Reply persistence = connection.command({"INFO", "persistence"});
        const Reply save = connection.command({"CONFIG", "GET", "save"});
        const bool aof = text_of(persistence.get()).find("aof_enabled:1") != std::string_view::npos;
        if (!aof && save->elements == 2 && save->element[1]->len == 0) {
            context.warning(place +
                            " keeps nothing over a restart (neither AOF nor save is on): set appendonly yes");
        }
    } catch (const Error& error) {
        if (error.code == ErrorCode::retry || error.code == ErrorCode::unknown) throw;
        context.debug("cannot tell how durable it is: " + error.text);
    }
}

}  // namespace volley::rsmq
