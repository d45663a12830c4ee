// A producer under test, driven as the engine drives it. Each array of records is larger than the plugin may
// use and is overwritten when produce has returned; a record's bytes are overwritten at its report. Thread:
// as plugin.h states for the calls.
#pragma once

#include "plugin_check/life.hpp"
#include "plugin_check/reports.hpp"

namespace volley::cli::plugin_check {

class ProducerRig {
public:
    explicit ProducerRig(const Setting& setting);

    void start() { life_.must_start(); }
    // Offers the contents until all are accepted, and returns their tokens. Serves poll and flush meanwhile.
    // `id_prefix`: each record has an id of it and its number.
    std::vector<std::uint64_t> produce(const std::vector<Content>& contents,
                                       const std::string& id_prefix = {});
    // Serves poll and flush until each accepted record is reported. Ends the child if that takes too long.
    void wait_for_reports();
    // Both; ends the child unless all were stored.
    void store(const std::vector<Content>& contents);
    // One call.
    Outcome offer(const std::vector<const volley_record*>& records, std::uint32_t& accepted);
    void poll(std::uint32_t timeout_ms);
    Outcome flush(std::uint32_t timeout_ms);
    // close: ends the child unless all is reported then. Then destroy: no report may come any more.
    void end();

    Reports& reports() { return reports_; }
    ProducerLife& life() { return life_; }

private:
    Setting setting_;
    Reports reports_;
    ProducerLife life_;
};

}  // namespace volley::cli::plugin_check
