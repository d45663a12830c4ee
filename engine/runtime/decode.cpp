#include "runtime/decode.hpp"

namespace volley::runtime {

std::optional<codec::Failure> decode(const Pipeline& pipeline, Work& work, codec::Parsed* keep) {
    if (keep != nullptr) keep->clear();
    const std::string_view bytes = text_of(work.message.body);
    work.body = bytes;
    if (work.refused) return work.refused;
    if (work.decoded) {
        if (!work.scratch.empty()) work.body = work.scratch;
        return std::nullopt;
    }
    if (bytes.size() > pipeline.max_message_bytes) {
        return codec::Failure{VOLLEY_REASON_TOO_LARGE, "the message has " + std::to_string(bytes.size()) +
                                                           " bytes; max_message_bytes is " +
                                                           std::to_string(pipeline.max_message_bytes)};
    }
    if (!pipeline.decode || is_absent(work.message.body)) return std::nullopt;
    work.is_clean = false;
    work.scratch.clear();
    std::string* key = pipeline.input.key.empty() ? nullptr : &work.key;
    if (auto failure = pipeline.decoder->decode(bytes, work.scratch, work.body, key, keep)) return failure;
    work.decoded = true;
    return std::nullopt;
}

}  // namespace volley::runtime
