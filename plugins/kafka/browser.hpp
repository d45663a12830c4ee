// Reads topics outside any group, for the command line and dashboards: unread messages, messages stored
// between two times, a single message, and which dead letters are settled. Thread: one at a time.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client.hpp"
#include "range_reader.hpp"
#include "resolution.hpp"

namespace volley::kafka {

class ResolutionWriter;

class Browser {
public:
    // `properties`: the consumer's; messages that its group has not committed are unread. The first call
    // connects. Every function throws Error.
    Browser(const Context& context, Properties properties);
    ~Browser();
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

    // From now on peek shows the messages stored from `from_ms` up to, but not including, `to_ms` (Unix),
    // whether or not they were read.
    void between(std::int64_t from_ms, std::int64_t to_ms);
    // See volley_ext_inspect. Views are valid until the next call.
    void peek(volley_batch& batch, std::uint64_t skip);
    void find(std::string_view id, volley_batch& batch);
    std::uint64_t remove(std::string_view id);
    void remove_all(const volley_view* ids, std::uint32_t count, std::uint32_t* removed);
    std::uint64_t purge();
    // Counts the unread messages. For dead letters it reads them, and the count is exact; otherwise it is the
    // difference of offsets.
    std::int64_t count();

private:
    using Partition = std::pair<std::string, std::int32_t>;
    // The settled offsets of one partition, between the offsets that were read for it.
    struct Settled {
        std::int64_t from = 0;
        std::int64_t to = 0;
        Offsets offsets;
    };
    struct Shown {
        Message message;
        std::vector<volley_header> headers;
        std::string id;
    };

    void connect();
    std::vector<Range> unread_ranges();
    std::vector<Range> ranges_between(std::int64_t from_ms, std::int64_t to_ms);
    void restart();
    void show_page(volley_batch& batch, std::uint64_t skipped);
    void skip(std::uint64_t count);
    Message next();
    bool is_visible(rd_kafka_message_t& message) const;
    void show(Message message, volley_batch& batch);
    Message read(const RecordId& record);
    void load_resolutions(std::vector<Range> ranges);
    bool is_settled(const std::string& topic, std::int32_t partition, std::int64_t offset) const;
    void settle(const Resolution& resolution);
    void check_settles() const;
    void write(const std::vector<Resolution>& resolutions);
    std::int64_t count_of(std::vector<Range> ranges);

    std::unique_ptr<Client> client_;
    Properties properties_;
    rd_kafka_t* rk_ = nullptr;
    std::set<std::string> topics_;  // the names that ranges point to
    std::optional<std::pair<std::int64_t, std::int64_t>> between_;
    std::optional<std::vector<Range>> remaining_;  // still to show; none: the next peek starts over
    std::optional<RangeReader> reader_;            // reads remaining_
    std::uint64_t shown_ = 0;                      // by peek, minus those removed since
    bool removed_ = false;                         // some of those shown were removed
    std::vector<Shown> page_;
    std::set<std::string> listed_ids_;  // the IDs of the last page, without those removed since
    std::map<Partition, Settled> settled_;
    std::unique_ptr<ResolutionWriter> writer_;
};

}  // namespace volley::kafka
