#include "browser.hpp"

#include <algorithm>
#include <tuple>

#include "message.hpp"
#include "resolution_writer.hpp"
#include "topics.hpp"

namespace volley::kafka {

namespace {

constexpr int connect_timeout_ms = 4000;

Properties browsing(Properties p) {
    p.erase("group.instance.id");
    p["enable.partition.eof"] = "true";
    p["statistics.interval.ms"] = "0";
    p["auto.offset.reset"] = "earliest";  // in case retention deletes what was to be read
    p["fetch.wait.max.ms"] = "100";
    p["queued.max.messages.kbytes"] = "2048";  // of each partition
    return p;
}

}  // namespace

Browser::Browser(const Context& context, Properties properties)
    : client_(std::make_unique<Client>(context)), properties_(browsing(std::move(properties))) {}

Browser::~Browser() {
    page_.clear();
    reader_.reset();
    if (rk_ != nullptr) destroy(rk_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE, std::move(client_));
}

void Browser::connect() {
    if (rk_ != nullptr) return;
    Conf conf = make_conf(properties_);
    set_callbacks(conf.get(), *client_);
    char why[512];
    rk_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), why, sizeof why);
    if (rk_ == nullptr) throw Error(ErrorCode::config, std::string("kafka: ") + why);
    static_cast<void>(conf.release());
    wait_for_broker(rk_, *client_, properties_, connect_timeout_ms);
}

std::vector<Range> Browser::unread_ranges() {
    std::vector<Range> ranges = partitions_of(rk_, client_->context.value(), topics_);
    query_offsets(rk_, ranges, latest, &Range::end);
    query_offsets(rk_, ranges, earliest, &Range::begin);
    skip_committed(rk_, ranges);
    return ranges;
}

std::vector<Range> Browser::ranges_between(std::int64_t from_ms, std::int64_t to_ms) {
    std::vector<Range> ranges = partitions_of(rk_, client_->context.value(), topics_);
    query_offsets(rk_, ranges, latest, &Range::end);
    query_offsets(rk_, ranges, from_ms, &Range::begin);
    query_offsets(rk_, ranges, to_ms, &Range::end);
    return ranges;
}

void Browser::between(std::int64_t from_ms, std::int64_t to_ms) {
    between_ = {from_ms, to_ms};
    reader_.reset();
    remaining_.reset();
}

// ---- peek

void Browser::peek(volley_batch& batch, std::uint64_t skipped) {
    page_.clear();
    listed_ids_.clear();
    connect();
    // A caller that removes page after page does not read from the start each time.
    const bool continues = remaining_ && skipped == shown_ && (skipped > 0 || removed_);
    if (!continues) restart();
    show_page(batch, skipped);
    if (!continues || batch.count > 0 || skipped > 0) return;
    restart();  // what arrived since
    show_page(batch, 0);
}

void Browser::show_page(volley_batch& batch, std::uint64_t skipped) {
    if (!reader_) reader_.emplace(rk_, *client_, *remaining_);
    skip(skipped - shown_);
    page_.reserve(batch.capacity);  // the batch points into it
    std::uint64_t bytes = 0;
    while (batch.count < batch.capacity && (batch.max_bytes == 0 || bytes < batch.max_bytes)) {
        Message message = next();
        if (message == nullptr) break;
        ++shown_;
        bytes += message->len + message->key_len;
        show(std::move(message), batch);
    }
}

void Browser::restart() {
    reader_.reset();
    remaining_.reset();
    shown_ = 0;
    removed_ = false;
    std::vector<Range> ranges =
        between_ ? ranges_between(between_->first, between_->second) : unread_ranges();
    load_resolutions(ranges);
    remaining_ = std::move(ranges);
}

void Browser::skip(std::uint64_t count) {
    while (count > 0 && next() != nullptr) {
        --count;
        ++shown_;
    }
}

// The next message that is visible.
Message Browser::next() {
    for (;;) {
        Message message = reader_->next();
        if (message == nullptr || is_visible(*message)) return message;
    }
}

bool Browser::is_visible(rd_kafka_message_t& message) const {
    volley_message view{};
    std::vector<volley_header> headers;
    fill_message(&message, headers, view);
    if (is_resolution(view)) return false;
    // Timestamps need not be in order.
    if (between_ && (view.timestamp_ms < between_->first || view.timestamp_ms >= between_->second))
        return false;
    return !is_settled(rd_kafka_topic_name(message.rkt), message.partition, message.offset);
}

void Browser::show(Message message, volley_batch& batch) {
    Shown& shown = page_.emplace_back();
    shown.message = std::move(message);
    const rd_kafka_message_t& m = *shown.message;
    shown.id = to_text(RecordId{rd_kafka_topic_name(m.rkt), m.partition, m.offset});
    listed_ids_.insert(shown.id);
    volley_message& out = element(batch.messages, batch.message_size, batch.count++);
    fill_message(shown.message.get(), shown.headers, out);
    out.handle = 0;
    out.id = view_of(shown.id);
    out.source = view_of(*topics_.emplace(rd_kafka_topic_name(m.rkt)).first);
}

std::int64_t Browser::count() {
    connect();
    return count_of(unread_ranges());
}

std::int64_t Browser::count_of(std::vector<Range> ranges) {
    std::int64_t count = 0;
    if (!client_->context.for_dead_letters()) {
        for (const Range& range : ranges) count += std::max<std::int64_t>(0, range.end - range.begin);
        return count;
    }
    reader_.reset();
    load_resolutions(ranges);
    RangeReader reader(rk_, *client_, ranges);
    while (const Message message = reader.next()) {
        if (is_visible(*message)) ++count;
    }
    return count;
}

// ---- one message

Message Browser::read(const RecordId& record) {
    reader_.reset();
    const auto topic = topics_.insert(record.topic).first;
    std::vector<Range> ranges = partitions_of(rk_, client_->context.value(), topics_);
    query_offsets(rk_, ranges, latest, &Range::end);
    const auto range = std::find_if(ranges.begin(), ranges.end(), [&](const Range& r) {
        return r.topic == &*topic && r.partition == record.partition;
    });
    if (range == ranges.end() || record.offset >= range->end) return nullptr;
    range->begin = record.offset;
    load_resolutions({*range});
    std::vector<Range> one{{range->topic, range->partition, record.offset, record.offset + 1}};
    RangeReader reader(rk_, *client_, one);
    Message message = reader.next();
    return message != nullptr && is_visible(*message) ? std::move(message) : nullptr;
}

void Browser::find(std::string_view id, volley_batch& batch) {
    page_.clear();
    listed_ids_.clear();
    connect();
    const std::optional<RecordId> record = parse_record_id(id);
    if (!record) return;
    if (Message message = read(*record)) show(std::move(message), batch);
}

// ---- dead letters that are settled

// Reads the resolution records. Only queues of dead letters have any.
void Browser::load_resolutions(std::vector<Range> ranges) {
    if (!client_->context.for_dead_letters()) return;
    for (Range& range : ranges) {
        Settled& settled = settled_[{*range.topic, range.partition}];
        // A resolution is behind the dead letters that it settles, so reading starts at the range. Nothing is
        // read twice.
        if (settled.to == 0 || range.begin < settled.from) settled = {range.begin, range.begin, {}};
        range.begin = std::max(range.begin, settled.to);
    }
    const std::vector<Range> read = ranges;
    RangeReader reader(rk_, *client_, ranges);
    while (const Message message = reader.next()) {
        volley_message view{};
        std::vector<volley_header> headers;
        fill_message(message.get(), headers, view);
        if (!is_resolution(view)) continue;
        const std::optional<Resolution> resolution = parse_resolution(text_of(view.key));
        // A resolution that was copied from another topic settles nothing. Neither does one that precedes the
        // offsets that it names: in a recreated topic, those are different messages.
        if (resolution->first.topic == rd_kafka_topic_name(message->rkt) &&
            resolution->first.partition == message->partition && resolution->last < message->offset)
            settle(*resolution);
    }
    for (const Range& range : read) {
        Settled& settled = settled_[{*range.topic, range.partition}];
        settled.to = std::max(settled.to, range.end);
    }
}

void Browser::settle(const Resolution& resolution) {
    settled_[{resolution.first.topic, resolution.first.partition}].offsets.add(resolution.first.offset,
                                                                               resolution.last);
}

bool Browser::is_settled(const std::string& topic, std::int32_t partition, std::int64_t offset) const {
    const auto settled = settled_.find({topic, partition});
    return settled != settled_.end() && settled->second.offsets.has(offset);
}

// Throws if messages of this queue cannot be marked as settled.
void Browser::check_settles() const {
    if (client_->context.for_dead_letters()) return;
    throw Error(
        ErrorCode::unsupported,
        "kafka: messages cannot be removed from a topic. Only dead letters can be marked as settled, and \"" +
            client_->context.queue() + "\" is no component's dead_letter_queue");
}

// Settles confirmed ones even if others failed.
void Browser::write(const std::vector<Resolution>& resolutions) {
    if (writer_ == nullptr) writer_ = std::make_unique<ResolutionWriter>(client_->context);
    std::optional<Error> error;
    const auto outcomes = writer_->write(resolutions);
    for (std::size_t i = 0; i < resolutions.size(); ++i) {
        if (!outcomes[i])
            settle(resolutions[i]);
        else if (!error)
            error = outcomes[i];
    }
    if (error) throw Error(*error);
}

std::uint64_t Browser::remove(std::string_view id) {
    std::uint32_t removed = 0;
    const volley_view one = view_of(id);
    remove_all(&one, 1, &removed);
    return removed;
}

void Browser::remove_all(const volley_view* ids, std::uint32_t count, std::uint32_t* removed) {
    check_settles();
    connect();
    std::vector<std::pair<RecordId, std::uint32_t>> found;  // and its index
    for (std::uint32_t i = 0; i < count; ++i) {
        std::optional<RecordId> record = parse_record_id(text_of(ids[i]));
        if (!record) continue;
        // Messages that the last call showed exist; others are looked up.
        const bool was_shown = listed_ids_.erase(std::string(text_of(ids[i]))) > 0;
        if (!was_shown && read(*record) == nullptr) continue;
        if (was_shown) {
            --shown_;
            removed_ = true;
        }
        found.emplace_back(std::move(*record), i);
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::tie(a.first.topic, a.first.partition, a.first.offset) <
               std::tie(b.first.topic, b.first.partition, b.first.offset);
    });
    std::vector<Resolution> resolutions;  // one for each run of adjacent offsets
    for (const auto& [record, number] : found) {
        Resolution* last = resolutions.empty() ? nullptr : &resolutions.back();
        if (last != nullptr && last->first.topic == record.topic &&
            last->first.partition == record.partition && record.offset <= last->last + 1)
            last->last = record.offset;
        else
            resolutions.push_back({record, record.offset});
    }
    const auto set_removed = [&] {
        for (const auto& [record, number] : found)
            removed[number] = is_settled(record.topic, record.partition, record.offset) ? 1 : 0;
    };
    try {
        write(resolutions);
    } catch (const Error&) {
        remaining_.reset();  // the next page starts over: shown_ may be wrong
        set_removed();
        throw;
    }
    set_removed();
}

std::uint64_t Browser::purge() {
    check_settles();
    connect();
    const std::vector<Range> ranges = unread_ranges();
    const std::int64_t removed = count_of(ranges);
    std::vector<Resolution> resolutions;
    for (const Range& range : ranges) {
        if (range.begin < range.end)
            resolutions.push_back({{*range.topic, range.partition, range.begin}, range.end - 1});
    }
    write(resolutions);
    return static_cast<std::uint64_t>(removed);
}

}  // namespace volley::kafka
