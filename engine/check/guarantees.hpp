// What a configuration promises, derived from it and from what its connectors can do; nothing is asked of any
// store. Where a connector says nothing, the report promises less rather than more.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/catalog.hpp"
#include "volley/config.hpp"

namespace volley::check {

// What `--require` can ask for, of every component.
enum class Property : std::uint8_t { at_least_once, exactly_once, key_order, partition_order };

// "at-least-once", … in the order of Property.
const std::vector<std::string>& property_names();

struct Guarantee {
    std::string component;
    std::string flow;  // "orders (kafka) -> shipments (rsmq)"
    std::string delivery;
    std::string duplicates;
    std::string order;
    std::string failures;
    std::vector<std::string> losses;      // conditions under which a message is lost; empty: none
    std::string durability;               // whose word is relied on: "kafka keeps what it confirmed"
    std::vector<std::string> against[4];  // by Property: why it does not hold; empty: it holds
};

// One for each component, in their order. Requires a configuration that check_plugins() found sound.
std::vector<Guarantee> guarantees(const Config& config, plugins::Catalog& catalog);

// All of them, for people.
std::string render(const std::vector<Guarantee>& guarantees);

// Why the required properties do not hold, a line each; empty: they hold.
std::string unmet(const std::vector<Guarantee>& guarantees, const std::vector<Property>& required);

}  // namespace volley::check
