// volley.inspect/1 of the consumer: the lines of the file after the stored position.
#include <algorithm>
#include <array>
#include <cstring>

#include "consumer.hpp"

namespace volley::file {

namespace {

FileConsumer& consumer(void* instance) { return *static_cast<FileConsumer*>(instance); }

std::int32_t stats(void* instance, volley_stats* out, volley_error* error) {
    return detail::guard(error, [&] { consumer(instance).stats(*out); });
}
std::int32_t peek(void* instance, volley_batch* batch, std::uint64_t skip, volley_error* error) {
    return detail::guard(error, [&] { consumer(instance).peek(*batch, skip); });
}
std::int32_t check(void* instance, std::uint32_t, volley_error* error) {
    return detail::guard(error, [&] { consumer(instance).check(); });
}

constexpr volley_ext_inspect table{
    sizeof(volley_ext_inspect), 0, &stats, &peek, &check, nullptr, nullptr, nullptr};

// Counts lines in files, up to a number of bytes; estimates the rest.
class LineCount {
public:
    // `last_counts`: text without a newline at the end is a line.
    void add(Source& source, std::uint64_t from, bool last_counts) {
        FileStatus status;
        if (!status_of(source.fd.get(), status) || status.size <= from) return;
        std::array<char, 64 * 1024> bytes;
        char last = '\n';
        std::uint64_t at = from;
        while (at < status.size && counted_ < most_counted) {
            const std::size_t n = read_at(source.fd.get(), source.path, bytes.data(), bytes.size(), at);
            if (n == 0) break;
            lines_ += static_cast<std::uint64_t>(std::count(bytes.data(), bytes.data() + n, '\n'));
            last = bytes[n - 1];
            counted_ += n;
            at += n;
        }
        if (at >= status.size && last != '\n' && last_counts) ++lines_;
        if (at < status.size) left_ += status.size - at;
    }
    std::int64_t lines() const {
        if (left_ == 0) return static_cast<std::int64_t>(lines_);
        const std::uint64_t average =
            std::max<std::uint64_t>(1, counted_ / std::max<std::uint64_t>(1, lines_));
        return static_cast<std::int64_t>(lines_ + left_ / average + 1);
    }

private:
    static constexpr std::uint64_t most_counted = 1u << 20;
    std::uint64_t counted_ = 0;  // bytes
    std::uint64_t lines_ = 0;
    std::uint64_t left_ = 0;  // bytes that were not counted
};

}  // namespace

void FileConsumer::stats(volley_stats& out) {
    out.delayed = 0;
    // The future content of a pipe is unknown; until its end it counts as one message, so that it is not
    // considered empty.
    if (stream_ && is_reading_) out.ready = at_end_ ? 0 : 1;
    if (stream_) return;
    const auto count = [&](Tail& tail, std::uint64_t position) {
        LineCount lines;
        if (tail.has_source()) lines.add(tail.current(), position, !config_.follow && tail.pending() == 0);
        for (std::size_t i = 0; i < tail.pending(); ++i)
            lines.add(tail.pending_at(i), 0, !config_.follow && i + 1 == tail.pending());
        return lines.lines();
    };
    if (position_file_.is_open()) {
        out.ready = at_end_ ? 0 : count(tail_, reader_.position());
        return;
    }
    Tail tail(context_, config_);
    LineReader reader(config_.max_line_bytes);
    tail.begin(read_position(config_.position_file), reader);
    out.ready = count(tail, reader.position());
}

void FileConsumer::peek(volley_batch& batch, std::uint64_t skip) {
    batch.count = 0;
    if (stream_) throw Error(ErrorCode::unsupported, stream_->path + " cannot be looked into");
    FileConfig config = config_;
    config.rotate_wait_ms = 0;  // from one file to the next immediately
    Tail tail(context_, config);
    LineReader& reader = shown_.emplace(config_.max_line_bytes);
    tail.begin(read_position(config_.position_file), reader);
    Line line;
    while (batch.count < batch.capacity && tail.has_source()) {
        bool has_line = reader.next(line);
        if (!has_line && reader.fill(tail.current(), LineReader::Rest::kept) > 0) continue;
        if (!has_line && tail.go_on(reader)) continue;
        if (!has_line && !config_.follow) has_line = reader.last(line);
        if (!has_line) return;
        if (skip > 0) {
            --skip;
            reader.release(line.page);
            continue;
        }
        volley_message& m = element(batch.messages, batch.message_size, batch.count++);
        m.body = view_of(line.body);
        m.offset = static_cast<std::int64_t>(tail.current().base + line.end - 1);
    }
}

void FileConsumer::check() {
    if (!stream_ && !open_source(config_.path))
        throw Error(ErrorCode::retry, config_.path + ": there is no such file");
}

const void* inspect_table() { return &table; }

}  // namespace volley::file
