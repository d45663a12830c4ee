#include "plugin_check/suite.hpp"

#include <algorithm>

#include "plugins/description.hpp"

namespace volley::cli::plugin_check {

std::vector<Check> all_checks() {
    std::vector<Check> out = file_checks();
    for (auto part :
         {class_checks(), config_checks(), instance_checks(), connector_checks(), delivery_checks(),
          store_checks(), transaction_checks(), inspection_checks(), hardship_checks(), handler_checks()})
        out.insert(out.end(), part.begin(), part.end());
    return out;
}

std::vector<ClassName> classes_in(const std::string& reason) {
    std::vector<ClassName> out;
    for (std::size_t at = 0; at < reason.size();) {
        const std::size_t end = std::min(reason.find(", ", at), reason.size());
        const std::string one = reason.substr(at, end - at);
        const std::size_t space = one.find(' ');
        for (const std::uint32_t kind : {VOLLEY_KIND_CONSUMER, VOLLEY_KIND_PRODUCER, VOLLEY_KIND_HANDLER})
            if (space != std::string::npos && one.substr(0, space) == plugins::kind_name(kind))
                out.push_back({kind, one.substr(space + 1)});
        at = end + 2;
    }
    return out;
}

}  // namespace volley::cli::plugin_check
