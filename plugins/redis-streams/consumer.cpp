#include "consumer.hpp"

#include <algorithm>

namespace volley::streams {

namespace {

std::int32_t extend_leases(volley_consumer* instance, const std::uint64_t* handles, std::int32_t* results,
                           std::uint32_t count, std::uint32_t lease_ms, volley_error* error) {
    return detail::guard(error, [&] {
        detail::self<StreamConsumer>(instance).settler().extend(handles, results, count, lease_ms);
    });
}

constexpr volley_ext_lease lease_functions{sizeof(volley_ext_lease), 0, &extend_leases};

std::int32_t identity(volley_consumer* instance, volley_view* out, volley_error* error) {
    return detail::guard(error, [&] { *out = view_of(detail::self<StreamConsumer>(instance).identity()); });
}

constexpr volley_ext_identity identity_functions{sizeof(volley_ext_identity), 0, &identity};

}  // namespace

StreamConsumer::StreamConsumer(Context context)
    : context_(std::move(context)),
      connection_(read_settings(context_)),
      settler_(context_, connection_, deliveries_),
      group_(context_, connection_),
      reader_(context_, connection_, deliveries_, group_, settler_, interrupt_) {}

// Inspection does not create the group.
void StreamConsumer::open() {
    const Settings& s = connection_.settings();
    const Reply type = connection_.command({"TYPE", s.stream});
    const std::string_view found = is_text(*type) ? text_of(*type) : "none";
    if (found == "none" || found == "stream") return;
    throw Error(ErrorCode::config, "the key " + s.stream + " at " + s.server.place() + " is of type " +
                                       std::string(found) +
                                       ", not a stream (WRONGTYPE): choose another value");
}

std::int32_t StreamConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    batch.count = 0;
    reader_.receive(batch, timeout_ms);
    return VOLLEY_OK;
}

void StreamConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    settler_.settle(settlements, count, stride);
}

void StreamConsumer::close(std::uint32_t timeout_ms) {
    connection_.limit_timeouts(static_cast<int>(std::clamp(timeout_ms, 1U, 3'600'000U)));
    reader_.close();
    connection_.drop();
}

const void* StreamConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_LEASE) return &lease_functions;
    if (id == VOLLEY_EXT_INSPECT) return inspect_functions();
    if (id == VOLLEY_EXT_IDENTITY) return &identity_functions;
    return nullptr;
}

void StreamConsumer::show(volley_batch& batch, Reply reply) {
    shown_ = {};
    batch.count = 0;
    for (std::size_t i = 0; i + 1 < reply->elements && batch.count < batch.capacity; i += 2) {
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        fill_message(m, *reply->element[i], connection_.settings().layout, shown_.headers);
        m.delivery_count = static_cast<std::uint32_t>(reply->element[i + 1]->integer);
    }
    shown_.reply = std::move(reply);
}

}  // namespace volley::streams
