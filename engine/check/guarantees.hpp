// The guarantees of a configuration, derived from it and from the capabilities of its connectors, without
// asking a store. If a connector does not declare a capability, the report assumes that it has none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::check {

// What `--require` can demand of all components.
enum class Property : std::uint8_t { at_least_once, exactly_once, key_order, partition_order };

// "at-least-once" and so on, in the order of Property.
const std::vector<std::string>& property_names();

struct Guarantee {
    std::string component;
    std::string flow;  // "orders (kafka) -> shipments (rsmq)"
    std::string delivery;
    std::string duplicates;
    std::string order;
    std::string failures;
    std::vector<std::string> losses;      // conditions under which a message is lost; empty: none
    std::string durability;               // what the guarantees depend on: "kafka keeps what it confirmed"
    std::vector<std::string> against[4];  // by Property: why it does not hold; empty: it holds
};

// Returns one entry per component, in their order. Requires: check_plugins() found no errors.
std::vector<Guarantee> guarantees(const Config& config, plugins::Catalog& catalog);

// All of them as text.
std::string render(const std::vector<Guarantee>& guarantees);

// Returns why the required properties do not hold, one line per reason. Empty: they hold.
std::string unmet(const std::vector<Guarantee>& guarantees, const std::vector<Property>& required);

}  // namespace volley::check
