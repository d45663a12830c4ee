// Calls a function with the Life of a class of any kind.
#pragma once

#include "plugin_check/consumer_rig.hpp"
#include "plugin_check/jobs.hpp"
#include "plugin_check/life.hpp"
#include "plugin_check/reports.hpp"

namespace volley::cli::plugin_check {

template <typename Function>
void with_life(const Setting& setting, Function&& function) {
    const Subject subject = subject_of(setting.file, setting.kind, setting.class_name);
    if (setting.kind == VOLLEY_KIND_CONSUMER) {
        ConsumerLife life(setting, subject);
        function(life);
    } else if (setting.kind == VOLLEY_KIND_PRODUCER) {
        Reports reports;
        ProducerLife life(setting, subject, &Reports::take, &reports);
        function(life);
    } else {
        Jobs jobs;
        HandlerLife life(setting, subject, jobs.table());
        function(life);
    }
}

// What the engine does between create and open.
inline void before_open(ConsumerLife& life) { listen_to_partitions(life); }
template <typename AnyLife>
void before_open(AnyLife&) {}

}  // namespace volley::cli::plugin_check
