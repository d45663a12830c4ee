// volley.inspect/1 over an Inspectable. Header-only, C++17.
#pragma once

#include <list>

#include "volley/abi.hpp"
#include "volley/inspectable.hpp"
#include "volley/kept_message.hpp"

namespace volley {
inline namespace v1 {
namespace detail {

// The extension of an instance. Shim has inspected(), the author's object; inspection(), one of these; and
// queue(). T is the author's class.
template <typename Shim, typename T>
struct Inspection {
    std::list<KeptMessage> shown = {};  // the result of the last peek or find

    void show(volley_batch& batch, std::vector<QueueMessage> messages) {
        shown.clear();
        for (QueueMessage& message : messages) {
            if (batch.count == batch.capacity) return;
            shown.push_back({0, std::move(message), {}});
            shown.back().fill(element(batch.messages, batch.message_size, batch.count));
            ++batch.count;
        }
    }

    static std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
        return guard<VOLLEY_E_RETRY>(error, [&] {
            auto& shim = *static_cast<Shim*>(instance);
            out->ready = shim.inspected().count(shim.queue());
        });
    }
    static std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
        return guard<VOLLEY_E_RETRY>(error, [&] {
            auto& shim = *static_cast<Shim*>(instance);
            shim.inspection().show(*batch, shim.inspected().peek(shim.queue(), skip, batch->capacity));
        });
    }
    static std::int32_t find(void* instance, volley_view id, volley_batch* batch, volley_error* error) {
        return guard<VOLLEY_E_RETRY>(error, [&] {
            auto& shim = *static_cast<Shim*>(instance);
            auto found = shim.inspected().find(shim.queue(), text_of(id));
            std::vector<QueueMessage> one;
            if (found) one.push_back(std::move(*found));
            shim.inspection().show(*batch, std::move(one));
        });
    }
    static std::int32_t remove(void* instance, volley_view id, std::uint64_t* removed, volley_error* error) {
        return guard<VOLLEY_E_RETRY>(error, [&] {
            auto& shim = *static_cast<Shim*>(instance);
            *removed = shim.inspected().remove(shim.queue(), text_of(id)) ? 1 : 0;
        });
    }
    static std::int32_t purge(void* instance, std::uint64_t* removed, volley_error* error) {
        return guard<VOLLEY_E_RETRY>(error, [&] {
            auto& shim = *static_cast<Shim*>(instance);
            *removed = shim.inspected().purge(shim.queue());
        });
    }

    static constexpr volley_ext_inspect make_functions() {
        constexpr bool removes = overrides_remove<T, Inspectable>::value;
        volley_ext_inspect f{};
        f.struct_size = sizeof f;
        f.stats = &stats;
        f.peek = &peek;
        f.find = &find;
        if (removes) f.remove = &remove;
        if (removes || overrides_purge<T, Inspectable>::value) f.purge = &purge;
        return f;
    }
    static constexpr volley_ext_inspect functions = make_functions();
};

}  // namespace detail
}  // namespace v1
}  // namespace volley
