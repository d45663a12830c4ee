#include "consumer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "inspect.hpp"

namespace volley::memory {

namespace {

// Slots in transit between the queue and a batch; on the stack, so that nothing is allocated.
constexpr std::uint32_t chunk = 256;

constexpr std::string_view body_start = R"({"id":")";
constexpr std::string_view body_middle = R"(","pad":")";
constexpr std::string_view body_end = R"("})";
constexpr std::size_t least_json = 32;

std::int32_t identity(volley_consumer* consumer, volley_view* out, volley_error*) {
    *out = view_of(detail::self<MemoryConsumer>(consumer).queue().identity());
    return VOLLEY_OK;
}

constexpr volley_ext_identity identity_table{sizeof(volley_ext_identity), 0, &identity};

void count_up(char* digits, std::size_t size) {
    for (std::size_t i = size; i-- > 0;) {
        if (digits[i]++ != '9') return;
        digits[i] = '0';
    }
}

}  // namespace

MemoryConsumer::MemoryConsumer(const Context& context) : config_(read_config(context)) {
    if (config_.generate) {
        own_ = std::make_unique<Queue>();
        own_->set_capacity(config_.capacity.value_or(1u << 24));
        queue_ = own_.get();
        std::fill(std::begin(digits_), std::end(digits_), '0');
        return;
    }
    queue_ = &queue_named(context.value());
    if (config_.capacity) queue_->set_capacity(*config_.capacity);
}

MemoryConsumer::~MemoryConsumer() { queue_->release_all(this); }

std::uint64_t MemoryConsumer::to_come() const {
    return config_.generate ? *config_.generate - generated_ : 0;
}

void MemoryConsumer::write_body(Slot& slot) {
    const bool json = config_.body_bytes >= least_json;
    const std::size_t digits = std::min<std::size_t>(sizeof digits_, config_.body_bytes);
    const std::size_t at = json ? body_start.size() : 0;
    // All slots belong to this consumer: a reused one differs only in the number.
    if (slot.body.data == nullptr) {
        slot.bytes.assign(std::max<std::size_t>(config_.body_bytes, 1), 'x');
        if (json) {
            char* p = slot.bytes.data();
            std::memcpy(p, body_start.data(), body_start.size());
            std::memcpy(p + at + digits, body_middle.data(), body_middle.size());
            std::memcpy(p + config_.body_bytes - body_end.size(), body_end.data(), body_end.size());
        }
        slot.body = {slot.bytes.data(), config_.body_bytes};
    }
    std::memcpy(slot.bytes.data() + at, digits_ + sizeof digits_ - digits, digits);
    std::memcpy(slot.id, digits_, sizeof digits_);
    slot.id_size = sizeof digits_;
}

std::uint32_t MemoryConsumer::generate(Slot** slots, std::uint32_t count) {
    const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, to_come()));
    const std::uint32_t n = queue_->reserve(slots, wanted);
    const std::int64_t now = unix_ms();
    for (std::uint32_t i = 0; i < n; ++i) {
        count_up(digits_, sizeof digits_);
        write_body(*slots[i]);
        slots[i]->timestamp_ms = now;
    }
    queue_->open_reserved(slots, n, this);
    generated_ += n;
    return n;
}

bool MemoryConsumer::at_end() {
    if (!config_.generate || to_come() > 0) return false;
    const Depth depth = queue_->depth();
    return depth.ready + depth.open + depth.delayed == 0;  // an open one may be redelivered
}

std::int32_t MemoryConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    std::array<Slot*, chunk> slots;
    batch.count = 0;
    if (at_end()) return VOLLEY_END;
    std::uint64_t bytes = 0;
    bool waits = timeout_ms > 0;
    while (batch.count < batch.capacity) {
        const std::uint32_t room = std::min(batch.capacity - batch.count, chunk);
        std::uint32_t wanted = room;
        if (to_come() > 0) {
            waits = false;
            // A generated body has a known size: take only as many as reach the limit.
            if (batch.max_bytes != 0)
                wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(
                    room, (batch.max_bytes - bytes) / std::max<std::uint32_t>(config_.body_bytes, 1) + 1));
        }
        const auto deadline =
            waits ? Clock::now() + std::chrono::milliseconds(timeout_ms) : Clock::time_point{};
        const std::uint64_t left = batch.max_bytes != 0 ? batch.max_bytes - bytes : 0;
        std::uint32_t n = queue_->take(slots.data(), wanted, left, this, deadline, interrupted_);
        if (n == 0) n = generate(slots.data(), wanted);
        if (n == 0) break;
        waits = false;
        for (std::uint32_t i = 0; i < n; ++i) {
            show(*slots[i], element(batch.messages, batch.message_size, batch.count));
            bytes += slots[i]->bytes.size();
            ++batch.count;
        }
        if (batch.max_bytes != 0 && bytes >= batch.max_bytes) break;
    }
    return VOLLEY_OK;
}

void MemoryConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    queue_->settle(settlements, count, stride, this);
}

void MemoryConsumer::interrupt() { queue_->interrupt(interrupted_); }

void MemoryConsumer::close(std::uint32_t) { queue_->release_all(this); }

const void* MemoryConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_IDENTITY) return &identity_table;
    return id == VOLLEY_EXT_INSPECT ? inspect_consumer() : nullptr;
}

}  // namespace volley::memory
