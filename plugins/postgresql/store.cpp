#include "store.hpp"

namespace volley::postgresql {

Command notify_command(const std::string& table) {
    Command c{
        "SELECT set_config('synchronous_commit', 'off', true), pg_notify('volley_' || "
        "$1::regclass::oid::text, '')",
        {},
        false};
    c.parameters.add_text(table);
    return c;
}

}  // namespace volley::postgresql
