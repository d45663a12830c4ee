#include "runtime/message_failure_log.hpp"

#include <string>

#include "log/log.hpp"
#include "runtime/snapshot.hpp"

namespace volley::runtime {

namespace {

constexpr std::uint32_t most_per_period = 20;
constexpr delivery::Millis period{10'000};

struct Decision {
    const char* text;
    log::Level level;
};

Decision decision_of(const delivery::Entry& entry) {
    switch (entry.state) {
        case delivery::State::dead_letter_queued:
            return {"goes to the dead-letter queue", log::Level::warning};
        case delivery::State::dead_letter_wait:
            return {"the dead-letter queue does not take it now; tried again", log::Level::warning};
        case delivery::State::settling:
            if (entry.settlement == delivery::SettlementKind::nack) return {"requeued", log::Level::warning};
            if (entry.settlement == delivery::SettlementKind::ack)
                return {"dropped, as on_fail says", log::Level::warning};
            return {"released", log::Level::warning};
        default:
            return {"tried again", log::Level::info};
    }
}

}  // namespace

void MessageFailureLog::write(const delivery::Delivery& core, delivery::Slot slot, delivery::Instant now) {
    if (now - period_began_ >= period) {
        if (left_out_ > 0) {
            log::warning("more failures like the last ones",
                         {{"component", pipeline_.config.name}, {"count", std::to_string(left_out_)}});
        }
        period_began_ = now;
        written_ = 0;
        left_out_ = 0;
    }
    if (++written_ > most_per_period) {
        ++left_out_;
        return;
    }
    const delivery::Entry& entry = core.entry(slot);
    const MessageContext& context = pipeline_.contexts[slot];
    const Decision decision = decision_of(entry);
    const std::string id = is_absent(context.message.id) ? std::to_string(entry.offset)
                                                         : std::string(text_of(context.message.id));
    log::write(decision.level, decision.text,
               {{"component", pipeline_.config.name},
                {"queue", pipeline_.input.name},
                {"message", id},
                {"attempt", std::to_string(entry.attempt)},
                {"reason", reason_names[context.reason < reason_count ? context.reason : 0]},
                {"cause", context.last_error}});
}

}  // namespace volley::runtime
