// The checks of volley-plugin-check, each run in a process of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugin_check/child.hpp"
#include "plugin_check/setting.hpp"

namespace volley::cli::plugin_check {

// What a check is about. pair: a consumer and a producer of one store.
enum class Of : std::uint8_t { file, any_class, consumer, producer, handler, pair };

struct Check {
    std::string name;
    std::string about;
    Of of = Of::any_class;
    bool needs_store = false;
    // The second is the producer of a pair; elsewhere the setting itself.
    std::function<Verdict(const Setting&, const Setting&)> run;
};

// In the order in which they run. The first one is "loads": without it the others have no meaning.
std::vector<Check> all_checks();

// Parts of all_checks().
std::vector<Check> file_checks();
std::vector<Check> class_checks();
std::vector<Check> config_checks();
std::vector<Check> instance_checks();
std::vector<Check> connector_checks();
std::vector<Check> handler_checks();
std::vector<Check> delivery_checks();
std::vector<Check> store_checks();
std::vector<Check> transaction_checks();
std::vector<Check> inspection_checks();
std::vector<Check> hardship_checks();

// The verdict of "loads" names the classes: "consumer A, producer B".
struct ClassName {
    std::uint32_t kind = 0;
    std::string name;
};
std::vector<ClassName> classes_in(const std::string& reason);

}  // namespace volley::cli::plugin_check
