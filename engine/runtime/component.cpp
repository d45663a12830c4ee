#include "runtime/component.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtime/instance_slot.hpp"
#include "text/fingerprint.hpp"
#include "tracing/tracer.hpp"

namespace volley::runtime {

namespace {

Error no_such_queue(const std::string& component, const std::string& queue) {
    return Error(ErrorCode::config,
                 "component \"" + component + "\" names queue \"" + queue + "\", which does not exist");
}

codec::Encoding encoding_of(const QueueConfig& queue, std::uint64_t flags) {
    return codec::encoding_of(queue, (flags & VOLLEY_JSON_BODIES) != 0);
}

std::string connector_of(const QueueConfig& queue, const plugins::PluginClass& found) {
    return queue.type.empty() ? std::string(found.plugin->name) : queue.type;
}

// The name that the conventions of OpenTelemetry give a connector.
std::string system_of(const std::string& connector) { return connector == "amqp" ? "rabbitmq" : connector; }

tracing::SpanSource span_source_of(const Pipeline& pipeline) {
    tracing::SpanSource source{
        pipeline.config.name, {system_of(pipeline.connector), pipeline.input.value}, {}};
    for (const auto& output_queue : pipeline.output_queues)
        source.outputs.push_back({system_of(output_queue->connector), output_queue->value});
    if (pipeline.dead_letters)
        source.outputs.push_back({system_of(pipeline.dead_letters->connector), pipeline.dead_letters->value});
    return source;
}

}  // namespace

delivery::Options core_options(const ComponentConfig& component, bool log, bool ordered_outputs) {
    using delivery::FailureAction;
    delivery::Options o;
    o.log = log;
    o.pipelined = ordered_outputs;
    switch (component.order) {
        case Order::partition:
            o.order = delivery::Order::partition;
            break;
        case Order::key:
            o.order = delivery::Order::key;
            break;
        case Order::none:
            o.order = delivery::Order::none;
            break;
        case Order::automatic:
            o.order = component.workers == 1 && component.concurrency == 1 ? delivery::Order::partition
                                                                           : delivery::Order::key;
    }
    o.max_attempts = component.retry.max_attempts;
    o.initial_delay = component.retry.initial_delay;
    o.max_delay = component.retry.max_delay;
    o.max_in_flight = component.max_in_flight;
    o.max_in_flight_bytes = component.max_in_flight_bytes;
    o.seed = entropy();
    switch (component.on_fail) {
        case OnFail::dead_letter:
            o.on_exhausted = o.on_permanent = FailureAction::dead_letter;
            break;
        case OnFail::requeue:
            o.on_exhausted = o.on_permanent = FailureAction::requeue;
            break;
        case OnFail::drop:
            o.on_exhausted = o.on_permanent = FailureAction::drop;
            break;
        case OnFail::stop:
            o.on_exhausted = o.on_permanent = FailureAction::stop;
            break;
        case OnFail::automatic:
            if (!component.dead_letter_queue.empty()) {
                o.on_exhausted = o.on_permanent = FailureAction::dead_letter;
            } else {
                // Without a dead-letter queue, no message may be lost. A message that may still succeed is
                // retried without end. One that cannot succeed is requeued if the store supports it; a log
                // does not, so the component stops.
                o.on_exhausted = FailureAction::keep_trying;
                o.on_permanent = log ? FailureAction::stop : FailureAction::requeue;
            }
    }
    return o;
}

Component::~Component() { join(); }

void Component::start() {
    try {
        thread_.start("intake", [this] { intake_->run(); });
    } catch (const std::system_error& error) {
        intake_->cannot_run(
            Error(ErrorCode::retry, std::string("no thread for the intake: ") + error.what()));
    }
}

void Component::join() {
    if (thread_.joinable()) thread_.join();
}

Result<std::unique_ptr<Component>> Component::make(const Config& config, const ComponentConfig& component,
                                                   plugins::Catalog& catalog, const BuiltInHandler& built_in,
                                                   IntakeOptions options) {
    std::unique_ptr<Component> made(new Component());
    Pipeline& p = made->pipeline_;
    p.app = config.app;
    p.base_dir = config.base_dir;
    p.config_file = std::filesystem::path(config.base_dir) / std::filesystem::path(config.file).filename();
    p.state_dir = config.state_dir;
    if (!p.state_dir.empty() && p.state_dir.front() != '/') p.state_dir = config.base_dir + "/" + p.state_dir;
    p.config = component;
    p.id_seed = text::Fingerprint().add(config.app).value();
    p.id_seed_of_process = text::Fingerprint().add(config.app).add(entropy()).value();
    p.max_message_bytes = config.max_message_bytes;
    std::optional<plugins::Consumer> consumer;
    if (auto input = made->make_input(config, catalog, consumer); !input) return input.error();
    p.id_head = PaddedText(p.input.value + "/");
    p.id_tail = PaddedText("/" + component.name + "/");
    for (const std::string& name : component.outputs) {
        const QueueConfig* queue = find_queue(config, name);
        if (queue == nullptr) return no_such_queue(component.name, name);
        auto output_queue = made->make_output_queue(config, catalog, *queue, false);
        if (!output_queue) return output_queue.error();
        (*output_queue)->index = static_cast<std::uint16_t>(p.output_queues.size());
        (*output_queue)->blank.queue_index = (*output_queue)->index;
        p.output_queues.push_back(std::move(*output_queue));
    }
    if (!component.dead_letter_queue.empty()) {
        const QueueConfig* queue = find_queue(config, component.dead_letter_queue);
        if (queue == nullptr) return no_such_queue(component.name, component.dead_letter_queue);
        auto output_queue = made->make_output_queue(config, catalog, *queue, true);
        if (!output_queue) return output_queue.error();
        p.dead_letters = std::move(*output_queue);
    }
    if (auto handler = made->make_handler(catalog, built_in); !handler) return handler.error();
    // Until it is measured, a handler counts as slow: the engine takes no more messages than can start soon.
    if (!p.is_forward()) p.nanoseconds_per_message.store(1'000'000);
    if (auto decoder = made->make_decoder(p.input_encoding); !decoder) return decoder.error();

    if (options.tracer != nullptr) {
        p.tracer = options.tracer;
        p.span_source = &options.tracer->add_source(span_source_of(p));
        p.span_seed = text::Fingerprint().add(component.name).value();
    }

    const bool log = consumer->extension(VOLLEY_EXT_LOG) != nullptr;
    p.input_is_log = log;
    if (log && component.on_fail == OnFail::requeue) {
        return Error(ErrorCode::config, "component \"" + component.name +
                                            "\": on_fail: requeue does not work on a log (" + p.connector +
                                            "); use dead_letter or stop");
    }
    const bool ordered =
        std::all_of(p.output_queues.begin(), p.output_queues.end(),
                    [](const auto& output_queue) { return output_queue->can(VOLLEY_ORDERED); });
    made->intake_ =
        std::make_unique<Intake>(p, std::move(*consumer), core_options(component, log, ordered), options);
    return made;
}

Result<void> Component::make_input(const Config& config, plugins::Catalog& catalog,
                                   std::optional<plugins::Consumer>& consumer) {
    Pipeline& p = pipeline_;
    const QueueConfig* queue = find_queue(config, p.config.input);
    if (queue == nullptr) return no_such_queue(p.config.name, p.config.input);
    p.input = *queue;
    auto found = catalog.find_for_queue(plugins::Kind::consumer, *queue, config.base_dir);
    if (!found) return found.error();
    p.connector = connector_of(*queue, *found);
    p.input_encoding = encoding_of(*queue, found->flags());
    plugins::Services services;
    services.queue = queue->name;
    services.component = p.config.name;
    services.app = config.app;
    services.for_dead_letters = keeps_dead_letters(config, queue->name);
    services.wake = [this] {
        if (intake_) intake_->wake();
    };
    services.health = [this](std::uint32_t state, std::string text) {
        if (intake_) intake_->health(state, std::move(text));
    };
    auto made =
        plugins::Consumer::create(*found, std::move(services), queue->config, queue->value, config.base_dir);
    if (!made) return made.error();
    consumer.emplace(std::move(*made));
    return {};
}

Result<std::unique_ptr<OutputQueue>> Component::make_output_queue(const Config& config,
                                                                  plugins::Catalog& catalog,
                                                                  const QueueConfig& queue,
                                                                  bool dead_letters) {
    auto found = catalog.find_for_queue(plugins::Kind::producer, queue, config.base_dir);
    if (!found) return found.error();
    auto output_queue = std::make_unique<OutputQueue>();
    output_queue->queue = queue.name;
    output_queue->value = queue.value;
    output_queue->blank.record.queue = view_of(output_queue->value);
    output_queue->blank.record.partition = -1;
    output_queue->connector = connector_of(queue, *found);
    output_queue->label = found->label();
    output_queue->dead_letters = dead_letters;
    output_queue->flags = found->flags();
    output_queue->completions = &pipeline_.completions;
    output_queue->encoding = encoding_of(queue, found->flags());
    output_queue->schema = queue.schema.kind != SchemaConfig::Kind::none;
    output_queue->has_schema_of_input = output_queue->schema && queue.schema == pipeline_.input.schema;
    // A dead letter holds the original bytes, so nothing encodes or checks it.
    if (!dead_letters) {
        auto encoder = codec::Encoder::make(output_queue->encoding, queue.schema, {config.max_message_bytes});
        if (!encoder) return encoder.error();
        output_queue->encoder.emplace(std::move(*encoder));
    }
    plugins::Services services;
    services.queue = queue.name;
    services.component = pipeline_.config.name;
    services.app = config.app;
    services.for_dead_letters = keeps_dead_letters(config, queue.name);
    services.wake = [this] { pipeline_.completions.ring(); };
    services.health = [raw = output_queue.get()](std::uint32_t state, const std::string& text) {
        if (state == VOLLEY_DOWN) raw->last_error.set(text);
        raw->up.store(state != VOLLEY_DOWN, std::memory_order_relaxed);
    };
    auto made = plugins::Producer::create(*found, std::move(services), queue.config, queue.value,
                                          config.base_dir, &on_report, output_queue.get());
    if (!made) return made.error();
    output_queue->producer.emplace(std::move(*made));
    const auto* more =
        static_cast<const volley_ext_abilities*>(output_queue->producer->extension(VOLLEY_EXT_ABILITIES));
    if (more != nullptr) output_queue->flags |= more->flags;
    return output_queue;
}

Result<void> Component::make_handler(plugins::Catalog& catalog, const BuiltInHandler& built_in) {
    Pipeline& p = pipeline_;
    if (built_in.functions != nullptr) {
        p.built_in_handler = built_in.functions;
        p.handler_config = built_in.config;
        p.handler_label = built_in.label;
        p.in_process = built_in.in_process;
        p.is_async = built_in.is_async;
        p.keeps_groups = true;
        return {};
    }
    if (p.config.handler.kind != HandlerConfig::Kind::library) {
        p.handler_label = "forward";
        return {};
    }
    const LibraryHandler& library = p.config.handler.library;
    const std::string spec =
        library.class_name.empty() ? library.library : library.library + ":" + library.class_name;
    auto found = catalog.find(plugins::Kind::handler, spec, p.base_dir);
    if (!found) return found.error();
    p.handler = *found;
    p.in_process = true;
    const bool is_declared_async = (found->flags() & VOLLEY_ASYNC) != 0;
    p.is_async = is_declared_async || p.config.batch;
    // A task that another thread ends may fail while the next one of its group is on its way to the handler.
    const auto* const functions = static_cast<const volley_handler_class*>(found->description->functions);
    const bool is_shared = (found->flags() & VOLLEY_THREAD_SAFE) != 0;
    const bool has_poll = functions->poll != nullptr && functions->interrupt != nullptr && !is_shared;
    p.keeps_groups = (found->flags() & VOLLEY_KEEPS_GROUPS) != 0 && (!is_declared_async || has_poll);
    if (is_shared) p.shared_handler = std::make_shared<InstanceSlot>(p);
    p.handler_config = library.config;
    p.handler_label = found->label();
    return {};
}

Result<void> Component::make_decoder(codec::Encoding encoding) {
    Pipeline& p = pipeline_;
    p.schema = p.input.schema.kind != SchemaConfig::Kind::none;
    const bool other_serializer =
        std::any_of(p.output_queues.begin(), p.output_queues.end(), [&](const auto& output_queue) {
            return output_queue->schema ||
                   (output_queue->encoding != encoding && output_queue->encoding != codec::Encoding::none);
        });
    p.decode = p.schema || !p.input.key.empty() ||
               (encoding != codec::Encoding::none && (!p.is_forward() || other_serializer));
    p.keeps_tree =
        p.decode && p.is_forward() &&
        std::any_of(p.output_queues.begin(), p.output_queues.end(), [&](const auto& output_queue) {
            return (output_queue->schema && !output_queue->has_schema_of_input) ||
                   (output_queue->encoding == codec::Encoding::msgpack && output_queue->encoding != encoding);
        });
    if (!p.decode) return {};
    auto decoder = codec::Decoder::make(encoding, p.input.schema, p.input.key, {p.max_message_bytes});
    if (!decoder) return decoder.error();
    p.decoder.emplace(std::move(*decoder));
    return {};
}

}  // namespace volley::runtime
