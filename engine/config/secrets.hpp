// Keeps secrets out of what is given away. Masks more than is necessary rather than less. Thread: one at a
// time.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "volley/config.hpp"

namespace volley::config {

class Secrets {
public:
    // Knows the secrets of the environment: the values of variables whose names say so.
    Secrets();
    // Learns those of a configuration: what --print-config shows as ***, passwords in addresses, and
    // arguments of handlers whose options say so.
    void learn(const Config& config);
    // The text with *** in place of every known secret, and of each value after a name that says that it is
    // one.
    std::string masked(std::string_view text) const;

private:
    void add(std::string secret);

    std::set<std::string, std::less<>> known_;
};

}  // namespace volley::config
