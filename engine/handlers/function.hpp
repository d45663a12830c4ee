// A C++ function of the embedding program as a handler: the ABI's table around it, so that the runtime knows
// one kind of handler only.
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

    // The table; instances find their way back to this object through config(). This object must outlive
    // them.
    const volley_handler_class* functions() const;
    std::string config() const;
    const Body& body() const { return body_; }

private:
    Body body_;
};

}  // namespace volley::handlers
