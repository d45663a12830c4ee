#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "queue_access.hpp"
#include "queues.hpp"
#include "text/text.hpp"
#include "volley/view.hpp"

namespace volley::cli {

namespace {

constexpr std::uint32_t peek_batch = 256;

void write_bytes(rapidjson::Writer<rapidjson::StringBuffer>& writer, const std::string& name,
                 const volley_view& bytes) {
    const bool utf8 = text::is_utf8(text_of(bytes));
    const std::string key = utf8 ? name : name + "_base64";
    writer.Key(key.c_str());
    const std::string value = utf8 ? std::string(text_of(bytes)) : text::base64(text_of(bytes));
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void print_json(const volley_message& m) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.StartObject();
    write_bytes(writer, "id", m.id);
    if (!is_absent(m.key)) write_bytes(writer, "key", m.key);
    if (m.header_count > 0) {
        writer.Key("headers");
        writer.StartObject();
        for (std::uint32_t i = 0; i < m.header_count; ++i) {
            write_bytes(writer, text::safe(text_of(m.headers[i].name)), m.headers[i].value);
        }
        writer.EndObject();
    }
    if (is_absent(m.body)) {
        writer.Key("body");
        writer.Null();
    } else {
        write_bytes(writer, "body", m.body);
    }
    writer.EndObject();
    std::printf("%.*s\n", static_cast<int>(buffer.GetSize()), buffer.GetString());
}

// The body alone, a line each: what `volley send --file` takes.
void print_body(const volley_message& m) {
    const std::string_view body = text_of(m.body);
    std::fwrite(body.data(), 1, body.size(), stdout);
    std::fputc('\n', stdout);
}

int print_count(plugins::Consumer& consumer, const volley_ext_inspect& inspect, const Error& cannot) {
    if (inspect.stats == nullptr) return report(cannot);
    volley_stats stats{};
    stats.struct_size = sizeof stats;
    volley_error error{};
    error.struct_size = sizeof error;
    if (const auto status = inspect.stats(consumer.get(), &stats, &error); status < 0) {
        return report(Error(static_cast<ErrorCode>(status), error.text));
    }
    std::printf("%lld\n", static_cast<long long>(stats.ready));
    return exit_ok;
}

int print_messages(plugins::Consumer& consumer, const volley_ext_inspect& inspect, const Peek& options,
                   const Error& cannot) {
    if (inspect.peek == nullptr) return report(cannot);
    std::vector<volley_message> messages(peek_batch);
    for (std::uint64_t shown = 0; shown < options.limit;) {
        std::fill(messages.begin(), messages.end(), volley_message{});
        volley_batch batch{};
        batch.struct_size = sizeof batch;
        batch.message_size = sizeof(volley_message);
        batch.messages = messages.data();
        batch.capacity =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(peek_batch, options.limit - shown));
        volley_error error{};
        error.struct_size = sizeof error;
        if (const auto status = inspect.peek(consumer.get(), &batch, shown, &error); status < 0) {
            return report(Error(static_cast<ErrorCode>(status), error.text));
        }
        for (std::uint32_t i = 0; i < batch.count; ++i) {
            if (options.json)
                print_json(messages[i]);
            else
                print_body(messages[i]);
        }
        if (batch.count == 0) break;
        shown += batch.count;
    }
    return exit_ok;
}

}  // namespace

int peek(const Config& config, plugins::Catalog& catalog, const Peek& options) {
    const QueueConfig* queue = find_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    auto found = catalog.find_for_queue(plugins::Kind::consumer, *queue, config.base_dir);
    if (!found) return report(found.error());
    auto consumer = plugins::Consumer::create(*found, services_for(config, *queue), queue->config,
                                              queue->value, config.base_dir);
    if (!consumer) return report(consumer.error());
    const auto* inspect = static_cast<const volley_ext_inspect*>(consumer->extension(VOLLEY_EXT_INSPECT));
    const Error cannot(ErrorCode::unsupported,
                       "the connector of \"" + queue->name + "\" cannot show messages without taking them");
    if (inspect == nullptr) return report(cannot);
    if (auto opened = consumer->open(); !opened) return report(opened.error());
    const int code = options.count ? print_count(*consumer, *inspect, cannot)
                                   : print_messages(*consumer, *inspect, options, cannot);
    if (auto closed = consumer->close(5000); !closed) report(closed.error());
    return code;
}

}  // namespace volley::cli
