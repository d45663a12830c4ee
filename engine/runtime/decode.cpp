#include "runtime/decode.hpp"

namespace volley::runtime {

std::optional<codec::Failure> decode(const Pipeline& pipeline, MessageContext& context, codec::Parsed* keep) {
    if (keep != nullptr) keep->clear();
    const std::string_view bytes = text_of(context.message.body);
    context.body = bytes;
    if (context.refused) return context.refused;
    if (context.decoded) {
        if (!context.scratch.empty()) context.body = context.scratch;
        return std::nullopt;
    }
    if ((context.message.flags & VOLLEY_MESSAGE_CUT_OFF) != 0) {
        return codec::Failure{VOLLEY_REASON_TOO_LARGE, "the message is over a limit of the connector \"" +
                                                           pipeline.connector +
                                                           "\", which delivered only the first " +
                                                           std::to_string(bytes.size()) + " bytes"};
    }
    if (bytes.size() > pipeline.max_message_bytes) {
        return codec::Failure{VOLLEY_REASON_TOO_LARGE, "the message has " + std::to_string(bytes.size()) +
                                                           " bytes; max_message_bytes is " +
                                                           std::to_string(pipeline.max_message_bytes)};
    }
    if (!pipeline.decode || is_absent(context.message.body)) return std::nullopt;
    context.is_clean = false;
    context.scratch.clear();
    std::string* key = pipeline.input.key.empty() ? nullptr : &context.key;
    if (auto failure = pipeline.decoder->decode(bytes, context.scratch, context.body, key, keep))
        return failure;
    context.decoded = true;
    return std::nullopt;
}

}  // namespace volley::runtime
