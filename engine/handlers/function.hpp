// A C++ function of the embedding program as a handler. It is wrapped in the table of the ABI, so that the
// runtime has only one kind of handlers.
#pragma once

#include <functional>
#include <string>

#include "volley/handler.hpp"
#include "volley/plugin.h"

namespace volley::handlers {

class Function {
public:
    using Body = std::function<void(const Message&, Outputs&)>;

    explicit Function(Body body) : body_(std::move(body)) {}
    Function(const Function&) = delete;
    Function& operator=(const Function&) = delete;

    // The table. Instances find this object through config(), so it must outlive them.
    const volley_handler_class* functions() const;
    std::string config() const;
    const Body& body() const { return body_; }

private:
    Body body_;
};

}  // namespace volley::handlers
