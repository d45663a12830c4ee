// The consumer group: created when it is missing, at startup and later.
#pragma once

#include <string>

#include "connection.hpp"
#include "scripts.hpp"
#include "volley/abi.hpp"

namespace volley::streams {

// Used by one thread.
class Group {
public:
    // Borrows all.
    Group(const Context& context, Connection& connection) : context_(context), connection_(connection) {}

    bool is_known() const { return is_known_; }
    // Creates the group and the stream if they are missing. Throws as Connection::run.
    void ensure();
    // A reply has reported that the group is missing.
    void mark_missing() { is_known_ = false; }
    // Distinguishes this group from any other, even from a later one of the same name. Empty before ensure.
    const std::string& identity() const { return identity_; }

private:
    const Context& context_;
    Connection& connection_;
    Script script_{group_script};
    bool is_known_ = false;
    bool was_known_ = false;
    std::string identity_;
};

}  // namespace volley::streams
