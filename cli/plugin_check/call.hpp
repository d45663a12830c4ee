// One call of a plugin's function, with the rules that hold for all of them: no exception leaves it, its
// status is one that the call has, an error has a text, and nothing is written beyond volley_error.
#pragma once

#include <cstdint>
#include <exception>
#include <initializer_list>
#include <string>

#include "plugin_check/child.hpp"
#include "volley/plugin.h"

namespace volley::cli::plugin_check {

struct Outcome {
    std::int32_t status = VOLLEY_OK;
    std::string text;   // of an error
    std::string field;  // with VOLLEY_E_CONFIG

    bool ok() const { return status == VOLLEY_OK; }
    // "VOLLEY_E_RETRY (the text)".
    std::string words() const;
};

std::string status_name(std::int32_t status);

// volley_error, and bytes behind it that must not change.
class ErrorRoom {
public:
    ErrorRoom();
    volley_error* get() { return &room_.error; }
    // Ends the child if a rule is broken.
    Outcome read(const std::string& call, std::int32_t status,
                 std::initializer_list<std::int32_t> successes) const;

private:
    struct {
        volley_error error;
        unsigned char guard[64];
    } room_;
};

// Calls a function that returns a status. `function` gets a volley_error*.
template <typename Function>
Outcome call(const std::string& name, std::initializer_list<std::int32_t> successes, Function&& function) {
    ErrorRoom error;
    std::int32_t status = VOLLEY_OK;
    note(name);
    try {
        status = function(error.get());
    } catch (const std::exception& e) {
        broken("an exception left " + name + ": " + e.what(), "catch it, and return a status with its text");
    } catch (...) {
        broken("an exception left " + name, "catch it, and return a status");
    }
    note("");
    return error.read(name, status, successes);
}

// Calls one that returns nothing.
template <typename Function>
void call_void(const std::string& name, Function&& function) {
    call(name, {VOLLEY_OK}, [&](volley_error*) {
        function();
        return VOLLEY_OK;
    });
}

}  // namespace volley::cli::plugin_check
