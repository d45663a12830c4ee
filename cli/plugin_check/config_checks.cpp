// Checks of create with configurations that are wrong. Nothing is opened.
#include <algorithm>
#include <random>

#include "plugin_check/any_life.hpp"
#include "plugin_check/suite.hpp"
#include "plugin_check/wrong_configs.hpp"

namespace volley::cli::plugin_check {

namespace {

void check_refusal(const Outcome& made, const std::string& what) {
    require(made.ok() || made.status == VOLLEY_E_CONFIG,
            "create returned " + made.words() + ", although " + what + " in the configuration",
            "return VOLLEY_E_CONFIG, with a text that names the key");
    require(made.text.find(secret) == std::string::npos,
            "the text of an error shows a password: " + made.text, "name the key, never the value");
}

std::string schema_of(const Setting& setting) {
    return text_or_nothing(
        subject_of(setting.file, setting.kind, setting.class_name).known.description->config_schema);
}

// The engine checks the schema before create, so create need not refuse what the schema refuses. Yet a class
// that is used without the engine's check must not fail in another way.
Verdict wrong_config(const Setting& setting, const Setting&) {
    const Subject subject = subject_of(setting.file, setting.kind, setting.class_name);
    const std::string schema = schema_of(setting);
    std::size_t refused = 0;
    const auto wrong = wrong_configs(setting.config, schema);
    with_life(setting, [&](auto& life) {
        for (const WrongConfig& config : wrong) {
            const bool refuses_first = !plugins::check_config(subject.known, config.json).empty();
            const Outcome made = life.create(config.json, setting.value);
            if (made.ok()) life.destroy();
            check_refusal(made, config.what);
            if (!made.ok() || refuses_first) {
                ++refused;
                continue;
            }
            doubt("it accepts a configuration although " + config.what,
                  "refuse it in config_schema (\"additionalProperties\": false) or in create");
        }
    });
    return conformance::passed(std::to_string(refused) + " refused");
}

Verdict config_fuzz(const Setting& setting, const Setting&) {
    const std::string schema = schema_of(setting);
    std::mt19937_64 random(setting.seed);
    constexpr int rounds = 500;
    int made_count = 0;
    with_life(setting, [&](auto& life) {
        for (int i = 0; i < rounds; ++i) {
            const std::string config = random_config(setting.config, schema, random);
            const std::string value = i % 3 == 0 ? random_value(random) : setting.value;
            const Outcome made = life.create(config, value);
            if (made.ok()) {
                ++made_count;
                life.destroy();
                continue;
            }
            require(
                made.status == VOLLEY_E_CONFIG,
                "create returned " + made.words() + " for the configuration " + conformance::excerpt(config),
                "return VOLLEY_E_CONFIG, with a text that names the key");
        }
    });
    return conformance::passed(std::to_string(made_count) + " of " + std::to_string(rounds) + " accepted");
}

}  // namespace

std::vector<Check> config_checks() {
    return {
        {"wrong-config",
         "create refuses a wrong configuration with VOLLEY_E_CONFIG and a text without secrets",
         Of::any_class, false, &wrong_config},
        {"config-fuzz", "create survives random configurations; --seed repeats them", Of::any_class, false,
         &config_fuzz},
    };
}

}  // namespace volley::cli::plugin_check
