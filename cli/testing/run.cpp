#include "testing/run.hpp"

#include <algorithm>
#include <string_view>

#include "codec/codec.hpp"
#include "plugins/catalog.hpp"
#include "plugins/handler_wrapper.hpp"
#include "plugins/search_path.hpp"
#include "runtime/schedule.hpp"
#include "testing/observed_handler.hpp"
#include "testing/stores.hpp"
#include "testing/test_file.hpp"
#include "volley/engine.hpp"

namespace volley::cli::testing {

namespace {

// Real time that a child has to end in after a test.
constexpr Milliseconds time_to_stop{2'000};

bool is_log(const plugins::PluginClass& connector) {
    for (const char* const* id = connector.description->extensions; id != nullptr && *id != nullptr; ++id)
        if (std::string_view(*id) == VOLLEY_EXT_LOG) return true;
    return false;
}

Serializer serializer_of(const QueueConfig& queue, std::uint64_t flags) {
    switch (codec::encoding_of(queue, (flags & VOLLEY_JSON_BODIES) != 0)) {
        case codec::Encoding::json:
            return Serializer::json;
        case codec::Encoding::msgpack:
            return Serializer::msgpack;
        case codec::Encoding::none:
            break;
    }
    return Serializer::none;
}

// A configuration with nothing but the component of the test. Its queues are the test's; they can what their
// connectors can, as far as these are installed.
Config config_for(const Config& from, const RunOptions& options, Stores& stores, Scenario& scenario) {
    Config out = from;
    out.components = {*component_of(scenario.test, from)};
    ComponentConfig& component = out.components.front();
    // One message at a time, so that a result does not depend on how fast threads are.
    if (component.order == Order::automatic && (component.workers > 1 || component.concurrency > 1))
        component.order = Order::key;
    component.workers = component.concurrency = 1;
    if (scenario.test.handler_timeout) component.handler_timeout = *scenario.test.handler_timeout;
    out.operations.enabled = false;
    out.log = {"info", "text"};  // what a handler prints is of that level
    out.state_dir = options.state_dir;
    out.shutdown_timeout = time_to_stop;

    plugins::Catalog catalog(plugins::search_path(options.plugin_dirs, from));
    std::vector<QueueConfig> queues;
    for (QueueConfig& queue : out.queues) {
        const bool is_input = queue.name == component.input;
        const bool is_output = queue.name == component.dead_letter_queue ||
                               std::find(component.outputs.begin(), component.outputs.end(), queue.name) !=
                                   component.outputs.end();
        if (!is_input && !is_output) continue;
        const auto kind = is_input ? plugins::Kind::consumer : plugins::Kind::producer;
        const auto found = catalog.find_for_queue(kind, queue, from.base_dir);
        // A test looks at the headers of dead letters, which a store without headers has in an envelope.
        const bool is_letters = queue.name == component.dead_letter_queue;
        const std::uint64_t flags = (found ? found->flags() : carries) | (is_letters ? carries : 0);
        if (is_input && found) scenario.input_is_log = is_log(*found);
        queue.serializer = serializer_of(queue, flags);
        queue.type.clear();
        queue.config = "{}";
        queue.consumer = is_input ? stores.add_input(flags) : "";
        queue.producer = is_output ? stores.add_output(flags) : "";
        queues.push_back(queue);
    }
    out.queues = std::move(queues);
    return out;
}

bool is_msgpack(const Config& config, const std::string& queue) {
    const QueueConfig* const found = find_queue(config, queue);
    return found != nullptr && found->serializer == Serializer::msgpack;
}

// JSON becomes what the input's serializer reads.
Result<void> encode_bodies(const Config& config, Scenario& scenario) {
    const bool is_coded = is_msgpack(config, config.components.front().input);
    const auto encoder = codec::Encoder::make(codec::Encoding::msgpack, {}, {config.max_message_bytes});
    if (!encoder) return encoder.error();
    for (const Given& given : scenario.test.given) {
        std::string& bytes = scenario.bodies.emplace_back(given.body.text);
        if (!is_coded || given.body.kind != Body::Kind::json) continue;
        std::string scratch;
        std::string_view out;
        if (const auto failed = encoder->encode(given.body.text, codec::Encoding::json, scratch, out))
            return Error(ErrorCode::config, "a message cannot be written as MessagePack: " + failed->text);
        bytes = out;
    }
    return {};
}

void decode_outputs(const Config& config, Events& events) {
    const auto decoder = codec::Decoder::make(codec::Encoding::msgpack, {}, {}, {config.max_message_bytes});
    if (!decoder) return;
    for (Stored& stored : events.stored) {
        if (!stored.body || stored.queue == config.components.front().dead_letter_queue ||
            !is_msgpack(config, stored.queue))
            continue;
        std::string scratch;
        std::string_view out;
        if (!decoder->decode(*stored.body, scratch, out, nullptr)) stored.body = std::string(out);
    }
}

}  // namespace

Result<void> run_component(const Config& from, const RunOptions& options, Scenario& now_running) {
    scenario = &now_running;
    Stores stores;
    const Config config = config_for(from, options, stores, now_running);
    if (auto encoded = encode_bodies(config, now_running); !encoded) return encoded.error();
    runtime::use_schedule(&now_running.clock.schedule());
    plugins::wrap_handlers(&observe_handler);
    EngineOptions engine_options;
    engine_options.config = config;
    engine_options.tracing = false;  // time that a test makes pass is no time for a collector
    engine_options.plugin_dirs = options.plugin_dirs;
    engine_options.plugins = {{Stores::name, stores.plugin()}};
    auto engine = Engine::make(std::move(engine_options));
    if (!engine) return engine.error();
    now_running.finish = [&engine = **engine] { engine.stop(); };
    Events& events = now_running.events;
    events.exit_code = (*engine)->run();
    const auto status = (*engine)->status();
    if (events.exit_code != 0 && !status.empty()) events.stopped_because = status.front().why_not_ready;
    if ((*engine)->hung()) {
        // What hangs uses it still; the process ends soon.
        static_cast<void>(engine->release());
        return {};
    }
    engine->reset();
    decode_outputs(config, events);
    runtime::use_schedule(nullptr);
    plugins::wrap_handlers(nullptr);
    return {};
}

}  // namespace volley::cli::testing
