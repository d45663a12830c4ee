// A test of a component, as its file says. Plain data, with the places in the file for the report.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "testing/events.hpp"
#include "volley/config.hpp"

namespace volley::cli::testing {

// A body, in a message that is given and in one that is expected.
struct Body {
    enum class Kind : std::uint8_t { none, json, bytes } kind = Kind::none;  // none: a tombstone
    std::string text;                                                        // the JSON, or the bytes
};

struct Given {
    Mark mark;
    Body body;
    std::optional<std::string> key;
    std::vector<codec::Header> headers;
    std::uint32_t delivery_count = 1;
};

struct OutputFault {  // a queue is down
    std::string queue;
    Millis from{0};
    Millis until{0};
};

struct DeathFault {  // the handler dies with a message in hand
    MessageNumber message = 0;
    std::uint32_t times = 1;
};

struct ExpectedOutput {
    Mark mark;
    std::optional<Body> body;  // nothing: any
    std::optional<std::string> key;
    bool without_key = false;
    std::vector<codec::Header> headers;  // these among others
    std::optional<Millis> delay;
};

struct ExpectedOutputs {
    Mark mark;
    std::vector<ExpectedOutput> list;
};

struct ExpectedRetries {
    Mark mark;
    std::vector<Millis> after;  // each counts from the attempt before
};

struct ExpectedLetter {
    Mark mark;
    MessageNumber message = 0;
    std::string reason;  // empty: any
    std::string error;   // a part of it; empty: any
    std::optional<std::uint32_t> attempts;
};

struct Expected {
    Mark mark;
    std::map<std::string, ExpectedOutputs> outputs;
    std::map<MessageNumber, ExpectedRetries> retries;
    std::vector<ExpectedLetter> dead_letters;
    std::optional<std::vector<MessageNumber>> acked;
    std::vector<MessageNumber> dropped;
    std::vector<MessageNumber> requeued;
    std::vector<MessageNumber>
        unsettled;  // not finished when the test's time is over, or the component stops
    // Where the lists stand, by their names.
    std::map<std::string, Mark> places;
};

struct TestCase {
    std::string name;
    std::string component;  // empty: the only one of the configuration
    Mark mark;
    Mark component_mark;
    std::optional<Milliseconds> handler_timeout;
    Millis within = std::chrono::hours(1);  // of the test's time
    std::vector<Given> given;
    std::vector<OutputFault> outages;
    std::vector<DeathFault> deaths;
    Expected expected;
};

}  // namespace volley::cli::testing
