#include "runtime/lease_keeper.hpp"

#include <algorithm>

#include "log/log.hpp"
#include "plugins/call_error.hpp"
#include "plugins/wall.hpp"
#include "runtime/call_status.hpp"

namespace volley::runtime {

namespace {

// A third of the lease leaves two more chances if one extension is slow or fails.
delivery::Millis period(std::uint32_t lease_ms) { return delivery::Millis(std::max(lease_ms / 3, 1U)); }

}  // namespace

void LeaseKeeper::attach(plugins::Consumer& consumer) {
    lease_ = static_cast<const volley_ext_lease*>(consumer.extension(VOLLEY_EXT_LEASE));
}

void LeaseKeeper::saw(std::uint32_t lease_ms, delivery::Instant now) {
    if (lease_ == nullptr || lease_ms == 0) return;
    if (lease_ms_ == 0 || lease_ms < lease_ms_) {
        lease_ms_ = lease_ms;
        next_ = std::min(next_, now + period(lease_ms_));
    }
}

Result<void> LeaseKeeper::keep(plugins::Consumer& consumer, const delivery::Delivery& core,
                               delivery::Instant now) {
    lost_.clear();
    if (now < next_) return {};
    next_ = now + period(lease_ms_);
    handles_.clear();
    slots_.clear();
    core.for_each_open([this](delivery::Slot slot, const delivery::Entry& entry) {
        if (entry.state == delivery::State::settling || entry.lease_lost) return;
        handles_.push_back(entry.handle);
        slots_.push_back(slot);
    });
    if (handles_.empty()) return {};
    results_.assign(handles_.size(), VOLLEY_OK);
    volley_error error = plugins::empty_error();
    const std::int32_t status = plugins::walled(error, [&] {
        return lease_->extend(consumer.get(), handles_.data(), results_.data(),
                              static_cast<std::uint32_t>(handles_.size()), lease_ms_, &error);
    });
    if (status != VOLLEY_OK) {
        const Error why = plugins::error_of(consumer.plugin_class().label(), "extend", status, error);
        if (!is_passing(why.code)) return why;
        log::warning("leases could not be extended; their messages may be delivered twice",
                     {{"cause", why.text}});
        next_ = now + delivery::Millis(std::min<std::int64_t>(period(lease_ms_).count(), 1000));
        return {};
    }
    extended_ = now;
    return take_results(consumer.plugin_class().label());
}

// A lease that is not extended now stays valid until it ends.
Result<void> LeaseKeeper::take_results(const std::string& label) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (results_[i] == VOLLEY_E_LOST) {
            lost_.push_back(slots_[i]);
        } else if (results_[i] != VOLLEY_OK && !is_passing(code_of(results_[i]))) {
            return plugins::error_of_result(label, "extend", results_[i]);
        }
    }
    return {};
}

}  // namespace volley::runtime
