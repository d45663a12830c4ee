#include "consumer.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <utility>

namespace volley::file {

namespace {

constexpr std::chrono::milliseconds least_pause{2};
constexpr std::chrono::milliseconds most_pause{100};
constexpr std::chrono::milliseconds look_period{100};
constexpr std::chrono::seconds sync_period{1};

std::int32_t commit(volley_consumer* consumer, const volley_partition* partitions, std::uint32_t count,
                    std::uint32_t stride, std::int32_t wait, std::uint32_t, volley_error* error) {
    return detail::guard(
        error, [&] { detail::self<FileConsumer>(consumer).commit(partitions, count, stride, wait != 0); });
}

std::int32_t identity(volley_consumer* consumer, volley_view* out, volley_error*) {
    *out = view_of(detail::self<FileConsumer>(consumer).identity());
    return VOLLEY_OK;
}

constexpr volley_ext_log log_table{sizeof(volley_ext_log), 0, &commit};
constexpr volley_ext_identity identity_table{sizeof(volley_ext_identity), 0, &identity};

std::string random_identity() {
    std::random_device random;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    while (out.size() < 32) out.push_back(digits[random() % digits.size()]);
    return out;
}

}  // namespace

FileConsumer::FileConsumer(Context context)
    : context_(std::move(context)),
      config_(read_config(context_)),
      position_file_(config_.position_file),
      tail_(context_, config_),
      reader_(config_.max_line_bytes) {}

// Takes no position and no lock, because an inspection also opens while another process reads.
void FileConsumer::open() {
    woken_ = Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!woken_) throw Error(ErrorCode::retry, "file: no event descriptor can be made");
    if (config_.is_standard_stream()) {
        stream_ = open_standard_input();
        identity_ = random_identity();  // the data of a pipe exists nowhere else
        return;
    }
    auto source = open_source(config_.path);
    if (source && source->is_stream) {
        stream_ = std::move(source);
        identity_ = random_identity();
    } else if (!source && !config_.follow) {
        throw Error(ErrorCode::retry, config_.path + ": there is no such file");
    }
    if (const auto position = read_position(config_.position_file)) identity_ = position->identity;
}

// The first consume.
void FileConsumer::start() {
    const auto position = position_file_.open();
    try {
        identity_ = position ? position->identity : random_identity();
        tail_.begin(position, reader_);
        Position now = tail_.position_of_reader(reader_);
        now.identity = identity_;
        position_file_.write(now);
        position_file_.sync();
    } catch (...) {
        position_file_.close();  // the next call starts over
        throw;
    }
    looked_ = Clock::now();
}

void FileConsumer::put(volley_batch& batch, const Line& line) {
    volley_message& m = element(batch.messages, batch.message_size, batch.count);
    m.handle = static_cast<std::uint64_t>(line.page) + 1;
    m.body = view_of(line.body);
    m.offset = static_cast<std::int64_t>((stream_ ? 0 : tail_.current().base) + line.end - 1);
    if (line.is_cut) m.flags |= VOLLEY_MESSAGE_CUT_OFF;
    ++batch.count;
}

void FileConsumer::take(volley_batch& batch) {
    std::uint64_t bytes = 0;
    Line line;
    while (batch.count < batch.capacity && (batch.max_bytes == 0 || bytes < batch.max_bytes) &&
           reader_.next(line)) {
        put(batch, line);
        bytes += line.body.size();
    }
    if (!stream_ && batch.count > 0) tail_.delivered(line.end);
}

void FileConsumer::look_if_due() {
    const auto now = Clock::now();
    if (now < looked_ + look_period && tail_.has_source()) return;
    looked_ = now;
    tail_.look(reader_);
}

bool FileConsumer::read_more() {
    if (!tail_.has_source()) return false;
    FileStatus before;
    Source& source = tail_.current();
    if (!status_of(source.fd.get(), before)) throw system_error(source.path, "cannot be read", errno);
    const Content content = look_at(source, reader_.position());
    if (content == Content::replaced) {
        tail_.look(reader_);
        return true;
    }
    if (content == Content::grown && reader_.fill(source, LineReader::Rest::dropped) > 0) return true;
    if (content == Content::grown) tail_.note_end(before);
    looked_ = Clock::now();
    tail_.look(reader_);
    return tail_.go_on(reader_);
}

// Waits for the pipe. Returns whether lines may be there now.
bool FileConsumer::read_stream(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waits[2] = {{stream_->fd.get(), POLLIN, 0}, {woken_.get(), POLLIN, 0}};
    const int ready = ::poll(waits, 2, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
    if (ready < 0 && errno != EINTR) throw system_error(stream_->path, "cannot be waited for", errno);
    if (ready <= 0 || waits[0].revents == 0) return false;
    if ((waits[0].revents & POLLNVAL) != 0) throw Error(ErrorCode::fatal, stream_->path + ": was closed");
    at_end_ = reader_.fill(*stream_, LineReader::Rest::kept) == 0 && !reader_.has_to_wait();
    return true;
}

std::int32_t FileConsumer::consume(volley_batch& batch, std::uint32_t timeout_ms) {
    batch.count = 0;
    is_reading_ = true;
    if (!stream_ && !position_file_.is_open()) start();
    if (batch.capacity == 0) return VOLLEY_OK;
    const auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
    if (!stream_) look_if_due();
    while (true) {
        take(batch);
        if (batch.count > 0) {
            pause_ = least_pause;
            return VOLLEY_OK;
        }
        if (at_end_) {
            if (!stream_ && reader_.fill(tail_.current(), LineReader::Rest::kept) > 0) continue;
            Line line;
            if (reader_.last(line)) {
                put(batch, line);
                if (!stream_) tail_.delivered(line.end);
            }
            return VOLLEY_END;
        }
        if (stream_) {
            if (read_stream(deadline)) continue;
            if (wait(Clock::now()) || Clock::now() >= deadline) return VOLLEY_OK;
            continue;
        }
        if (read_more()) continue;
        // Without `follow`, the end is that of the file as it is now: the last line may lack its newline.
        if (!config_.follow && tail_.has_source() && tail_.pending() == 0) {
            at_end_ = true;
            continue;
        }
        if (wait(std::min(deadline, Clock::now() + pause_)) || Clock::now() >= deadline) return VOLLEY_OK;
        pause_ = std::min(pause_ * 2, most_pause);
    }
}

// Returns whether the wait was interrupted.
bool FileConsumer::wait(Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd woken{woken_.get(), POLLIN, 0};
    if (::poll(&woken, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000))) <= 0) return false;
    eventfd_t count = 0;
    return ::eventfd_read(woken_.get(), &count) == 0;
}

// Even while there is no room, a rotated file must be opened before it loses its name permanently.
void FileConsumer::poll(std::uint32_t timeout_ms) {
    if (!stream_ && position_file_.is_open()) look_if_due();
    wait(Clock::now() + std::chrono::milliseconds(timeout_ms));
}

void FileConsumer::settle(volley_settlement* settlements, std::uint32_t count, std::uint32_t stride) {
    for (std::uint32_t i = 0; i < count; ++i) {
        volley_settlement& s = element(settlements, stride, i);
        reader_.release(static_cast<std::uint32_t>(s.handle - 1));
        s.result = VOLLEY_OK;
    }
}

void FileConsumer::commit(const volley_partition* partitions, std::uint32_t count, std::uint32_t stride,
                          bool wait) {
    if (stream_ || !position_file_.is_open()) return;
    std::int64_t offset = -1;
    for (std::uint32_t i = 0; i < count; ++i)
        offset = std::max(offset, element(partitions, stride, i).offset);
    if (offset >= 0 && tail_.has_source()) {
        Position position = tail_.position_of(static_cast<std::uint64_t>(offset));
        position.identity = identity_;
        position_file_.write(position);
    }
    if (!wait && Clock::now() < synced_ + sync_period) return;
    position_file_.sync();
    synced_ = Clock::now();
}

void FileConsumer::interrupt() {
    if (woken_) ::eventfd_write(woken_.get(), 1);
}

void FileConsumer::close(std::uint32_t) { position_file_.close(); }

const void* FileConsumer::extension(std::string_view id) {
    if (id == VOLLEY_EXT_LOG) return &log_table;
    if (id == VOLLEY_EXT_IDENTITY) return &identity_table;
    return id == VOLLEY_EXT_INSPECT ? inspect_table() : nullptr;
}

}  // namespace volley::file
