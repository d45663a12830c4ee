#include "runtime/identity.hpp"

#include <charconv>
#include <cstring>

#include "text/fingerprint.hpp"

namespace volley::runtime {

namespace {

using text::Fingerprint;

// Returns a hash of everything except source, partition, offset and id. Computed once per message.
std::uint64_t origin_of(const Pipeline& pipeline, MessageContext& context) {
    if (context.origin != 0) return context.origin;
    const volley_message& m = context.message;
    const auto time = static_cast<std::uint64_t>(m.timestamp_ms);
    if (context.store != 0) {
        // Both operands are hashes. Within one store and one application, different timestamps give different
        // origins.
        constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
        return context.origin = (pipeline.stores[context.store] ^ pipeline.id_seed) + time * odd;
    }
    Fingerprint f;
    f.add(pipeline.id_seed).add(time).add(text_of(m.key));
    f.add(std::uint64_t{is_absent(m.body)}).add(text_of(m.body));
    for (std::uint32_t i = 0; i < m.header_count; ++i)
        f.add(text_of(m.headers[i].name)).add(text_of(m.headers[i].value));
    return context.origin = f.value();
}

// Writes eight hexadecimal digits, lowest four bits first. Converts all digits at once, because every output
// gets an id.
void write_hex(std::uint64_t value, char* to) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    value &= 0xffffffff;
    value = (value | value << 16U) & 0x0000ffff0000ffff;
    value = (value | value << 8U) & 0x00ff00ff00ff00ff;
    value = (value | value << 4U) & 0x0f0f0f0f0f0f0f0f;
    const std::uint64_t is_letter = ((value + ones * 6) >> 4U) & ones;
    value += ones * '0' + is_letter * ('a' - '0' - 10);
    std::memcpy(to, &value, sizeof value);
}

std::string_view source_of(const Pipeline& pipeline, const volley_message& m) {
    return is_absent(m.source) ? std::string_view(pipeline.input.value) : text_of(m.source);
}

}  // namespace

std::uint64_t store_name(std::string_view identity) {
    const std::uint64_t name = Fingerprint().add(identity).value();
    return name == 0 ? 1 : name;
}

bool has_own_id(const volley_message& message) { return message.id.size > 0 || message.offset >= 0; }

volley_view stable_id(const Pipeline& pipeline, MessageContext& context, std::string_view what) {
    const volley_message& m = context.message;
    if (!has_own_id(m)) return {};
    const std::string_view id = text_of(m.id);
    constexpr std::size_t numbers = 64;  // for a partition, an offset and the origin, with separators
    const std::size_t most = m.source.size + id.size() + pipeline.id_head.size() + pipeline.id_tail.size() +
                             what.size() + numbers + PaddedText::block;
    char* const begin = static_cast<char*>(context.arena.allocate(most));
    char* end = begin;
    const auto text = [&](std::string_view part) {
        std::memcpy(end, part.data(), part.size());
        end += part.size();
    };
    if (is_absent(m.source)) {
        end = pipeline.id_head.put(end);
    } else {
        text(text_of(m.source));
        *end++ = '/';
    }
    if (m.partition >= 0) {
        end = std::to_chars(end, begin + most, m.partition).ptr;
        *end++ = '/';
    }
    if (id.empty())
        end = std::to_chars(end, begin + most, m.offset).ptr;
    else
        text(id);
    *end++ = '/';
    std::uint64_t origin = origin_of(pipeline, context);
    if (context.store == 0) origin = Fingerprint().add(pipeline.id_seed_of_process).add(origin).value();
    constexpr std::size_t half = 8;  // of the digits
    write_hex(origin, end);
    write_hex(origin >> 32U, end + half);
    end = pipeline.id_tail.put(end + 2 * half);
    if (what.size() == 1)
        *end++ = what.front();
    else
        text(what);
    return {begin, static_cast<std::size_t>(end - begin)};
}

std::uint64_t message_name(const Pipeline& pipeline, MessageContext& context) {
    const volley_message& m = context.message;
    if (!has_own_id(m)) return 0;
    // Who uses it mixes the bits: text::Fingerprint::value() would do so a second time.
    std::uint64_t name = origin_of(pipeline, context);
    if (m.offset >= 0) {
        constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
        const auto partition = static_cast<std::uint64_t>(m.partition);
        name += (static_cast<std::uint64_t>(m.offset) ^ partition << 44U) * odd;
        if (!is_absent(m.source)) name ^= Fingerprint().add(text_of(m.source)).value();
    } else {
        name = Fingerprint().add(name).add(text_of(m.id)).value();
    }
    return name == 0 ? 1 : name;
}

std::uint64_t journal_name(const Pipeline& pipeline, MessageContext& context) {
    const volley_message& m = context.message;
    if (!has_own_id(m)) return 0;
    Fingerprint f;
    f.add(source_of(pipeline, m)).add(text_of(m.id)).add(origin_of(pipeline, context));
    f.add(static_cast<std::uint64_t>(m.partition)).add(static_cast<std::uint64_t>(m.offset));
    return f.value() == 0 ? 1 : f.value();
}

}  // namespace volley::runtime
