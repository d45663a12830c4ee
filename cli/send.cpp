#include <chrono>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <iostream>
#include <mutex>
#include <thread>

#include "codec/codec.hpp"
#include "queue_access.hpp"
#include "queues.hpp"
#include "volley/view.hpp"

namespace volley::cli {

namespace {

constexpr std::size_t batch_size = 512;
constexpr std::chrono::seconds patience{30};  // for the store to confirm

// Counts the reports of records; filled from any thread.
struct Reports {
    std::mutex mutex;
    std::condition_variable came;
    std::uint64_t confirmed = 0;
    std::uint64_t failed = 0;
    std::string first_error;

    static void take(void* self, const volley_report* reports, std::uint32_t count, std::uint32_t stride) {
        auto& r = *static_cast<Reports*>(self);
        const std::lock_guard lock(r.mutex);
        for (std::uint32_t i = 0; i < count; ++i) {
            const volley_report& report = element(reports, stride, i);
            ++(report.status == VOLLEY_OK ? r.confirmed : r.failed);
            if (report.status != VOLLEY_OK && r.first_error.empty()) r.first_error = text_of(report.text);
        }
        r.came.notify_all();
    }
};

class Sender {
public:
    Sender(plugins::Producer producer, const QueueConfig& queue, const Send& options)
        : producer_(std::move(producer)), queue_(queue), options_(options) {
        for (const std::string& header : options.headers) {
            const std::size_t colon = header.find(':');
            headers_.push_back(
                {view_of(std::string_view(header).substr(0, colon)),
                 view_of(colon == std::string::npos ? std::string_view()
                                                    : std::string_view(header).substr(colon + 1))});
        }
    }

    // Is the queue's rule about bodies kept? Says where it is not.
    bool check(const codec::Encoder& encoder, std::string_view body, std::uint64_t line) {
        std::string scratch;
        std::string_view out;
        const auto failure = encoder.encode(body, codec::Encoding::json, scratch, out);
        if (!failure) {
            add(out);
            return true;
        }
        std::fprintf(stderr, "volley: %s%llu: %s\n",
                     options_.file.empty() ? "message " : (options_.file + ":").c_str(),
                     static_cast<unsigned long long>(line), failure->text.c_str());
        return false;
    }

    Result<void> flush(Reports& reports) {
        std::size_t begin = 0;
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (begin < records_.size()) {
            std::uint32_t accepted = 0;
            auto result = producer_.produce(records_.data() + begin,
                                            static_cast<std::uint32_t>(records_.size() - begin), accepted);
            begin += accepted;
            if (!result) return result.error();
            if (*result != VOLLEY_AGAIN) continue;
            if (std::chrono::steady_clock::now() > deadline)
                return Error(ErrorCode::retry, "the queue has no room");
            if (producer_.has_poll()) {
                if (auto polled = producer_.poll(10); !polled) return polled.error();
            } else {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        }
        handed_over_ += records_.size();
        return wait(reports, deadline);
    }

    bool full() const { return records_.size() >= batch_size; }
    void close() {
        if (auto closed = producer_.close(5000); !closed) report(closed.error());
    }

private:
    void add(std::string_view body) {
        bodies_.emplace_back(body);
        volley_record record{};
        record.token = bodies_.size();
        record.queue = view_of(queue_.value);
        record.body = view_of(bodies_.back());
        if (!options_.key.empty()) record.key = view_of(options_.key);
        record.headers = headers_.data();
        record.header_count = static_cast<std::uint32_t>(headers_.size());
        record.partition = -1;
        records_.push_back(record);
    }

    Result<void> wait(Reports& reports, std::chrono::steady_clock::time_point deadline) {
        if (producer_.has_flush()) {
            if (auto flushed = producer_.flush(static_cast<std::uint32_t>(patience.count()) * 1000); !flushed)
                return flushed.error();
        }
        std::unique_lock lock(reports.mutex);
        const bool all = reports.came.wait_until(
            lock, deadline, [&] { return reports.confirmed + reports.failed >= handed_over_; });
        if (!all)
            return Error(ErrorCode::retry,
                         "the store did not confirm in time; it may have some of the messages");
        records_.clear();
        bodies_.clear();
        return {};
    }

    plugins::Producer producer_;
    const QueueConfig& queue_;
    const Send& options_;
    std::vector<volley_header> headers_;
    std::deque<std::string> bodies_;  // a deque: views into it stay valid
    std::vector<volley_record> records_;
    std::uint64_t handed_over_ = 0;
};

// Calls `take(body, line)` for every message until it returns false. Returns false if the file cannot be
// read.
template <typename Take>
bool for_each_body(const Send& options, Take&& take) {
    for (std::uint64_t round = 0; round < options.count; ++round) {
        for (std::size_t i = 0; i < options.bodies.size(); ++i) {
            if (!take(options.bodies[i], i + 1)) return true;
        }
        if (options.file.empty()) continue;
        std::ifstream opened;
        if (options.file != "-") {
            opened.open(options.file, std::ios::binary);
            if (!opened) return false;
        }
        std::istream& in = options.file == "-" ? std::cin : opened;
        std::string line;
        for (std::uint64_t number = 1; std::getline(in, line); ++number) {
            if (!line.empty() && line.back() == '\r') line.pop_back();
            if (!line.empty() && !take(line, number)) return true;
        }
    }
    return true;
}

}  // namespace

int send(const Config& config, plugins::Catalog& catalog, const Send& options) {
    const QueueConfig* queue = find_queue(config, options.queue);
    if (queue == nullptr) return exit_usage;
    auto found = catalog.find_for_queue(plugins::Kind::producer, *queue, config.base_dir);
    if (!found) return report(found.error());
    const bool json =
        queue->serializer == Serializer::json || queue->schema.kind != SchemaConfig::Kind::none ||
        (queue->serializer == Serializer::automatic && (found->flags() & VOLLEY_JSON_BODIES) != 0);
    const auto encoding = queue->serializer == Serializer::msgpack ? codec::Encoding::msgpack
                          : json                                   ? codec::Encoding::json
                                                                   : codec::Encoding::none;
    auto encoder = codec::Encoder::make(encoding, queue->schema, {config.max_message_bytes});
    if (!encoder) return report(encoder.error());
    Reports reports;
    auto producer = plugins::Producer::create(*found, services_for(config, *queue), queue->config,
                                              queue->value, config.base_dir, &Reports::take, &reports);
    if (!producer) return report(producer.error());
    if (auto opened = producer->open(); !opened) return report(opened.error());

    const auto begin = std::chrono::steady_clock::now();
    Sender sender(std::move(*producer), *queue, options);
    std::uint64_t refused = 0;
    std::optional<Error> error;
    const auto flush = [&] {
        if (auto flushed = sender.flush(reports); !flushed) error = flushed.error();
        return !error;
    };
    const bool readable = for_each_body(options, [&](const std::string& body, std::uint64_t line) {
        if (!sender.check(*encoder, body, line)) ++refused;
        return sender.full() ? flush() : true;
    });
    if (!readable) {
        std::fprintf(stderr, "volley: cannot read %s\n", options.file.c_str());
        return exit_usage;
    }
    if (!error) flush();
    sender.close();
    if (error) return report(*error);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fprintf(stderr, "%llu sent to %s in %.2f s\n", static_cast<unsigned long long>(reports.confirmed),
                 queue->name.c_str(), seconds);
    if (reports.failed > 0) {
        std::fprintf(stderr, "volley: %llu failed: %s\n", static_cast<unsigned long long>(reports.failed),
                     reports.first_error.c_str());
        return 1;
    }
    return refused > 0 ? exit_data : exit_ok;
}

}  // namespace volley::cli
