// The engine's side of the ABI, as far as the SDK's tests need it.
#pragma once

#include <string>
#include <vector>

#include "volley/plugin.hpp"

namespace volley {

inline std::vector<std::string> logged;

inline const volley_host* host() {
    static const volley_host h = [] {
        volley_host made{};
        made.struct_size = sizeof made;
        made.log_level = [](const volley_host*) { return std::uint32_t{VOLLEY_TRACE}; };
        made.log = [](const volley_host*, std::uint32_t, volley_view text, const volley_header*,
                      std::uint32_t) { logged.emplace_back(text_of(text)); };
        made.config = [](const volley_host*, const char*, std::int32_t*, volley_view*) { return 0; };
        return made;
    }();
    return &h;
}

inline volley_options options() {
    volley_options o{};
    o.struct_size = sizeof o;
    o.value = view_of("table");
    return o;
}

struct CallError {
    CallError() { error.struct_size = sizeof error; }
    volley_error* get() { return &error; }
    volley_error error{};
};

// An instance of a consumer class, as the engine drives it.
class Driven {
public:
    explicit Driven(const volley_class& described)
        : functions_(*static_cast<const volley_consumer_class*>(described.functions)) {
        const volley_options o = options();
        status = functions_.create(host(), &o, &instance, error.get());
    }
    ~Driven() {
        if (instance != nullptr) functions_.destroy(instance);
    }
    Driven(const Driven&) = delete;
    Driven& operator=(const Driven&) = delete;

    std::int32_t open() {
        error = CallError();
        return functions_.open(instance, error.get());
    }
    // Returns how many came; `status` and `error` say the rest.
    std::uint32_t consume(std::uint32_t room) {
        volley_batch batch = empty_batch(room);
        error = CallError();
        status = functions_.consume(instance, &batch, 0, error.get());
        return batch.count;
    }
    // Returns the result; the status of the call is in `status`.
    std::int32_t settle(volley_settlement s) {
        s.result = VOLLEY_E_RETRY;
        error = CallError();
        status = functions_.settle(instance, &s, 1, sizeof s, error.get());
        return s.result;
    }
    std::int32_t settle(std::uint64_t handle, std::int32_t outcome = VOLLEY_ACK) {
        volley_settlement s{};
        s.handle = handle;
        s.outcome = outcome;
        return settle(s);
    }
    template <typename Extension>
    const Extension* extension(const char* id) {
        return functions_.get_extension == nullptr
                   ? nullptr
                   : static_cast<const Extension*>(functions_.get_extension(instance, id));
    }
    volley_batch empty_batch(std::uint32_t room) {
        volley_message empty{};
        empty.partition = -1;
        empty.offset = -1;
        messages.assign(room, empty);
        volley_batch batch{};
        batch.struct_size = sizeof batch;
        batch.message_size = sizeof(volley_message);
        batch.messages = messages.data();
        batch.capacity = room;
        return batch;
    }

    volley_consumer* instance = nullptr;
    std::int32_t status = 0;
    CallError error;
    std::vector<volley_message> messages;

private:
    const volley_consumer_class& functions_;
};

}  // namespace volley
