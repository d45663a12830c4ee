// The handlers and connectors that `volley init` makes projects of.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace volley::cli {

struct HandlerChoice {
    std::string_view name;           // as in --handler; its files are in cli/templates/NAME
    std::string_view summary;        // for --list
    std::string_view needs;          // what a machine must have, for the README
    std::string_view build;          // the commands that build it; empty: there is nothing to build
    std::string_view test;           // the command that tests it; empty: it has no test
    std::string_view configuration;  // its lines in volley.yml
    std::string_view source;         // the file for the user's code; empty: there is none
    bool makes_shipments;            // else orders are sent on as they are
    bool in_process;                 // else a child process, or forward
};

struct ConnectorChoice {
    std::string_view name;     // the type of a queue
    std::string_view summary;  // for --list
    std::string_view config;   // a queue's config:, as a YAML mapping
};

std::span<const HandlerChoice> handler_choices();
std::span<const ConnectorChoice> connector_choices();

// Returns the choice of this name, or null.
template <typename Choice>
const Choice* find_choice(std::span<const Choice> choices, std::string_view name) {
    for (const Choice& choice : choices)
        if (choice.name == name) return &choice;
    return nullptr;
}

template <typename Choice>
std::vector<std::string> names_of(std::span<const Choice> choices) {
    std::vector<std::string> names;
    for (const Choice& choice : choices) names.emplace_back(choice.name);
    return names;
}

// Returns the names in a line.
std::string listed_names(const std::vector<std::string>& names);

// Returns what to say of a value of `option` that is none of `known`: the nearest of them, and all.
std::string unknown_choice(std::string_view option, std::string_view given,
                           const std::vector<std::string>& known);

// Returns what --list prints.
std::string list_choices();

}  // namespace volley::cli
