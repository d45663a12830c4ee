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
    p["auto.offset.reset"] = "earliest";  // what retention deletes meanwhile is gone
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

std::vector<Range> Browser::waiting() {
    std::vector<Range> ranges = partitions_of(rk_, client_->context.value(), topics_);
    ask_offsets(rk_, ranges, latest, &Range::end);
    ask_offsets(rk_, ranges, earliest, &Range::begin);
    skip_committed(rk_, ranges);
    return ranges;
}

std::vector<Range> Browser::stored_between(std::int64_t from_ms, std::int64_t to_ms) {
    std::vector<Range> ranges = partitions_of(rk_, client_->context.value(), topics_);
    ask_offsets(rk_, ranges, latest, &Range::end);
    ask_offsets(rk_, ranges, from_ms, &Range::begin);
    ask_offsets(rk_, ranges, to_ms, &Range::end);
    return ranges;
}

void Browser::between(std::int64_t from_ms, std::int64_t to_ms) {
    between_ = {from_ms, to_ms};
    reader_.reset();
    left_.reset();
}

// ---- peek

void Browser::peek(volley_batch& batch, std::uint64_t skipped) {
    page_.clear();
    listed_.clear();
    connect();
    // Whoever removes page after page does not read from the start each time.
    const bool goes_on = left_ && skipped == shown_ && (skipped > 0 || removed_);
    if (!goes_on) begin();
    show_page(batch, skipped);
    if (!goes_on || batch.count > 0 || skipped > 0) return;
    begin();  // what came since
    show_page(batch, 0);
}

void Browser::show_page(volley_batch& batch, std::uint64_t skipped) {
    if (!reader_) reader_.emplace(rk_, *client_, *left_);
    skip(skipped - shown_);
    page_.reserve(batch.capacity);  // what the batch points to stays where it is
    std::uint64_t bytes = 0;
    while (batch.count < batch.capacity && (batch.max_bytes == 0 || bytes < batch.max_bytes)) {
        Message message = next();
        if (message == nullptr) break;
        ++shown_;
        bytes += message->len + message->key_len;
        show(std::move(message), batch);
    }
}

void Browser::begin() {
    reader_.reset();
    left_.reset();
    shown_ = 0;
    removed_ = false;
    std::vector<Range> ranges = between_ ? stored_between(between_->first, between_->second) : waiting();
    learn_settled(ranges);
    left_ = std::move(ranges);
}

void Browser::skip(std::uint64_t count) {
    while (count > 0 && next() != nullptr) {
        --count;
        ++shown_;
    }
}

// The next that is shown.
Message Browser::next() {
    for (;;) {
        Message message = reader_->next();
        if (message == nullptr || is_shown(*message)) return message;
    }
}

bool Browser::is_shown(rd_kafka_message_t& message) const {
    volley_message view{};
    std::vector<volley_header> headers;
    lend(&message, headers, view);
    if (is_resolution(view)) return false;
    // Times need not be in order.
    if (between_ && (view.timestamp_ms < between_->first || view.timestamp_ms >= between_->second))
        return false;
    return !is_settled(rd_kafka_topic_name(message.rkt), message.partition, message.offset);
}

void Browser::show(Message message, volley_batch& batch) {
    Shown& shown = page_.emplace_back();
    shown.message = std::move(message);
    const rd_kafka_message_t& m = *shown.message;
    shown.id = to_text(Place{rd_kafka_topic_name(m.rkt), m.partition, m.offset});
    listed_.insert(shown.id);
    volley_message& out = element(batch.messages, batch.message_size, batch.count++);
    lend(shown.message.get(), shown.headers, out);
    out.handle = 0;
    out.id = view_of(shown.id);
    out.source = view_of(*topics_.emplace(rd_kafka_topic_name(m.rkt)).first);
}

std::int64_t Browser::count() {
    connect();
    return count_of(waiting());
}

std::int64_t Browser::count_of(std::vector<Range> ranges) {
    std::int64_t count = 0;
    if (!client_->context.for_dead_letters()) {
        for (const Range& range : ranges) count += std::max<std::int64_t>(0, range.end - range.begin);
        return count;
    }
    reader_.reset();
    learn_settled(ranges);
    RangeReader reader(rk_, *client_, ranges);
    while (const Message message = reader.next()) {
        if (is_shown(*message)) ++count;
    }
    return count;
}

// ---- one message

Message Browser::read(const Place& place) {
    reader_.reset();
    const auto topic = topics_.insert(place.topic).first;
    std::vector<Range> ranges = partitions_of(rk_, client_->context.value(), topics_);
    ask_offsets(rk_, ranges, latest, &Range::end);
    const auto range = std::find_if(ranges.begin(), ranges.end(), [&](const Range& r) {
        return r.topic == &*topic && r.partition == place.partition;
    });
    if (range == ranges.end() || place.offset >= range->end) return nullptr;
    range->begin = place.offset;
    learn_settled({*range});
    std::vector<Range> one{{range->topic, range->partition, place.offset, place.offset + 1}};
    RangeReader reader(rk_, *client_, one);
    Message message = reader.next();
    return message != nullptr && is_shown(*message) ? std::move(message) : nullptr;
}

void Browser::find(std::string_view id, volley_batch& batch) {
    page_.clear();
    listed_.clear();
    connect();
    const std::optional<Place> place = read_place(id);
    if (!place) return;
    if (Message message = read(*place)) show(std::move(message), batch);
}

// ---- dead letters that are settled

// Reads what resolution records say. Other queues than those of dead letters have none.
void Browser::learn_settled(std::vector<Range> ranges) {
    if (!client_->context.for_dead_letters()) return;
    for (Range& range : ranges) {
        Settled& known = settled_[{*range.topic, range.partition}];
        // A resolution lies behind what it settles: reading from there is enough, and only what is new is
        // read again.
        if (known.to == 0 || range.begin < known.from) known = {range.begin, range.begin, {}};
        range.begin = std::max(range.begin, known.to);
    }
    const std::vector<Range> read = ranges;
    RangeReader reader(rk_, *client_, ranges);
    while (const Message message = reader.next()) {
        volley_message view{};
        std::vector<volley_header> headers;
        lend(message.get(), headers, view);
        if (!is_resolution(view)) continue;
        const std::optional<Resolution> resolution = read_resolution(text_of(view.key));
        // One that was copied from another topic settles nothing here; nor does one that stands before what
        // it names: that is another letter, of a topic that was made anew.
        if (resolution->place.topic == rd_kafka_topic_name(message->rkt) &&
            resolution->place.partition == message->partition && resolution->last < message->offset)
            settle(*resolution);
    }
    for (const Range& range : read) {
        Settled& known = settled_[{*range.topic, range.partition}];
        known.to = std::max(known.to, range.end);
    }
}

void Browser::settle(const Resolution& resolution) {
    settled_[{resolution.place.topic, resolution.place.partition}].offsets.add(resolution.place.offset,
                                                                               resolution.last);
}

bool Browser::is_settled(const std::string& topic, std::int32_t partition, std::int64_t offset) const {
    const auto known = settled_.find({topic, partition});
    return known != settled_.end() && known->second.offsets.has(offset);
}

// Where a message may be marked as settled.
void Browser::check_settles() const {
    if (client_->context.for_dead_letters()) return;
    throw Error(ErrorCode::unsupported,
                "kafka: a topic keeps what was read. Only dead letters can be marked as settled, and \"" +
                    client_->context.queue() + "\" is no component's dead_letter_queue");
}

// Those that are confirmed are settled, with an error too.
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
    std::vector<std::pair<Place, std::uint32_t>> there;  // and its number
    for (std::uint32_t i = 0; i < count; ++i) {
        std::optional<Place> place = read_place(text_of(ids[i]));
        if (!place) continue;
        // What the last call showed is there; else it is looked for.
        const bool was_shown = listed_.erase(std::string(text_of(ids[i]))) > 0;
        if (!was_shown && read(*place) == nullptr) continue;
        if (was_shown) {
            --shown_;
            removed_ = true;
        }
        there.emplace_back(std::move(*place), i);
    }
    std::sort(there.begin(), there.end(), [](const auto& a, const auto& b) {
        return std::tie(a.first.topic, a.first.partition, a.first.offset) <
               std::tie(b.first.topic, b.first.partition, b.first.offset);
    });
    std::vector<Resolution> resolutions;  // neighbours share one
    for (const auto& [place, number] : there) {
        Resolution* last = resolutions.empty() ? nullptr : &resolutions.back();
        if (last != nullptr && last->place.topic == place.topic && last->place.partition == place.partition &&
            place.offset <= last->last + 1)
            last->last = place.offset;
        else
            resolutions.push_back({place, place.offset});
    }
    const auto note = [&] {
        for (const auto& [place, number] : there)
            removed[number] = is_settled(place.topic, place.partition, place.offset) ? 1 : 0;
    };
    try {
        write(resolutions);
    } catch (const Error&) {
        left_.reset();  // the next page begins anew: what is there is not what was counted
        note();
        throw;
    }
    note();
}

std::uint64_t Browser::purge() {
    check_settles();
    connect();
    const std::vector<Range> ranges = waiting();
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
